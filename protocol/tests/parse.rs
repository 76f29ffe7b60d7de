//! Bad and unusual input: each fault is named with its place, nothing panics, and what belongs to
//! the app passes through untouched.

#![allow(clippy::unwrap_used)]

use landfall_core::id::UserId;
use landfall_core::notify::Recipients;
use landfall_protocol::frame::{ClientFrame, ClientMessage, ControlFrame, Reference};
use landfall_protocol::inbox::AckRequest;
use landfall_protocol::json::{BadJson, parse};
use landfall_protocol::notify::NotifyRequest;
use landfall_protocol::problem::{CloseCode, Code, Problem};
use landfall_protocol::query::{AuditQuery, NotificationsQuery, PageLimits, PageQuery};
use landfall_protocol::topics::{MembersBulk, TopicPut};

const DEPTH: usize = 8;

fn request(text: &str) -> Result<NotifyRequest, BadJson> {
    parse(text.as_bytes(), DEPTH)
}

/// Says `400`, or `POINTER DETAIL`, or nothing where the request can be read.
fn refusal<T>(result: Result<T, BadJson>) -> String {
    match result {
        Ok(_) => String::new(),
        Err(BadJson::Unreadable(_)) => "400".into(),
        Err(BadJson::TooDeep) => "400 deep".into(),
        Err(BadJson::Invalid(fault)) => format!("{} {}", fault.pointer, fault.detail),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(refusal(request(text)), expected, "{text}");
}

#[track_caller]
fn check_draft(text: &str, expected: &[&str]) {
    let places = match request(text).unwrap().draft() {
        Ok(_) => vec![],
        Err(faults) => faults.into_iter().map(|fault| fault.pointer).collect(),
    };
    assert_eq!(places, expected, "{text}");
}

#[test]
fn what_is_no_json_is_unreadable() {
    let texts =
        ["", " ", "{", "{]", "nul", "{\"title\":\"a}", "{\"title\":1,}", "{} x", "\u{feff}{}"];
    for text in texts {
        check(text, "400");
    }
    // The first field is wrong, but the rest is no JSON at all.
    check("{\"title\":1, oops", "400");
    check("{\"data\":{\"a\":tru}}", "400");
    check("[1,", "400");
}

#[test]
fn bad_utf8_is_unreadable_wherever_it_stands() {
    for bytes in
        [&b"\xff"[..], b"{\"title\":\"\xc3\x28\"}", b"{\"x\":\"\x80\"}", b"{\"data\":{\"\xf0\":1}}"]
    {
        assert_eq!(refusal(parse::<NotifyRequest>(bytes, DEPTH)), "400");
    }
}

#[test]
fn a_wrong_shape_is_named_with_its_place() {
    check("[]", " must be an object");
    check("null", " must be an object");
    check("[\"u1\"]", " must be an object");
    check(r#"{"title":5}"#, "/title must be a string");
    check(r#"{"user_ids":["a",{}]}"#, "/user_ids/1 must be a string or an integer");
    check(r#"{"userIds":["a",1.5]}"#, "/userIds/1 must be a string or an integer");
    check(r#"{"user_id":true}"#, "/user_id must be a string or an integer");
    check(r#"{"user_ids":"a"}"#, "/user_ids must be an array");
    let channels = "/channels/1 must be one of websocket, push, sms, email";
    check(r#"{"channels":["push","fax"]}"#, channels);
    check(r#"{"priority":"HIGH"}"#, "/priority must be one of low, normal, high, critical");
    check(r#"{"ttl":-1}"#, "/ttl must be an integer, 0 or more");
    let bulk = parse::<MembersBulk>(br#"{"members":[{"user_id":"a"},{"role":"owner"}]}"#, DEPTH);
    assert_eq!(refusal(bulk), "/members/1/user_id is required");
    let bulk = parse::<MembersBulk>(br#"{"members":[7]}"#, DEPTH);
    assert_eq!(refusal(bulk), "/members/0 must be an object");
    assert_eq!(refusal(parse::<AckRequest>(b"{}", DEPTH)), "/replay_id is required");
}

#[test]
fn numbers_too_large_for_any_field_are_invalid_not_unreadable() {
    check(r#"{"ttl":1e999}"#, "/ttl must be a smaller number");
    check(r#"{"ttl":99999999999999999999}"#, "/ttl must be an integer, 0 or more");
    check(r#"{"data":{"n":1e999}, "unknown": 1e999}"#, "");
    for bad in ["-1", "1.0", "9223372036854775808", "99999999999999999999", r#""1e3""#, "1e999"] {
        let text = format!("{{\"replay_id\":{bad}}}");
        let refused = refusal(parse::<AckRequest>(text.as_bytes(), DEPTH));
        assert!(refused.starts_with("/replay_id "), "{bad}: {refused}");
    }
    let both = [r#"{"replay_id":12346}"#, r#"{"replayId":"12346"}"#];
    for text in both {
        assert_eq!(parse::<AckRequest>(text.as_bytes(), DEPTH).unwrap().number().0, 12_346);
    }
}

#[test]
fn both_spellings_are_read_and_both_at_once_are_refused() {
    let snake = request(r#"{"user_id":"u","notification_type":"a","phone_number":"+1234567890"}"#);
    let camel = request(r#"{"userId":"u","notificationType":"a","phoneNumber":"+1234567890"}"#);
    let seed = request(r#"{"userId":"u","type":"a","phoneNumber":"+1234567890"}"#);
    let draft = snake.unwrap().draft().unwrap();
    assert_eq!(camel.unwrap().draft().unwrap(), draft);
    assert_eq!(seed.unwrap().draft().unwrap(), draft);
    let twice = "is given more than once, perhaps in two spellings";
    check(r#"{"user_id":"u","userId":"u"}"#, &format!("/user_id {twice}"));
    check(r#"{"type":"a","notification_type":"a"}"#, &format!("/notification_type {twice}"));
    check(r#"{"title":"a","title":"b"}"#, &format!("/title {twice}"));
    let topic = parse::<TopicPut>(br#"{"name":"a","title":"b"}"#, DEPTH);
    assert_eq!(refusal(topic), format!("/title {twice}"));
}

#[test]
fn integer_ids_become_their_decimal_strings() {
    let user = |text: &str| Recipients::User(UserId::parse(text).unwrap());
    let huge = "123456789012345678901234567890";
    let ids = [
        ("7", "7"),
        ("-7", "-7"),
        ("-0", "0"),
        ("18446744073709551616", "18446744073709551616"),
        (huge, huge),
    ];
    for (id, expected) in ids {
        let draft = request(&format!("{{\"user_id\":{id}}}")).unwrap().draft().unwrap();
        assert_eq!(draft.recipients, user(expected));
    }
    let half = "/user_id must be a string without half a surrogate pair";
    check(r#"{"user_id":"\ud800"}"#, half);
    check(r#"{"user_id":1e3}"#, "/user_id must be a string or an integer");
    let escaped = request(r#"{"user_id":"\u00fc\"1"}"#).unwrap().draft().unwrap();
    assert_eq!(escaped.recipients, user("ü\"1"));
}

#[test]
fn exactly_one_kind_of_recipient_is_taken() {
    check_draft("{}", &["/user_id"]);
    check_draft(r#"{"user_id":null}"#, &["/user_id"]);
    check_draft(r#"{"user_id":"a","user_ids":["b"]}"#, &["/user_id"]);
    check_draft(r#"{"topic_id":"a","class_id":"b"}"#, &["/user_id"]);
    check_draft(r#"{"user_id":" "}"#, &["/user_id"]);
    check_draft(r#"{"user_ids":["","a","b\n"]}"#, &["/user_ids/0", "/user_ids/2"]);
    check_draft(r#"{"class_id":""}"#, &["/class_id"]);
    check_draft(r#"{"user_id":"a","title":"\u0000","locale":"\u0000"}"#, &["/title", "/locale"]);
    let class = request(r#"{"class_id":7}"#).unwrap().draft().unwrap();
    let topic = request(r#"{"topic_id":"7"}"#).unwrap().draft().unwrap();
    assert_eq!(class.recipients, topic.recipients);
}

#[test]
fn data_passes_through_untouched() {
    let data = r#"{"a":1,"a":2 , "userId":"x","user_id":1e300,"n":1.10,"s":"\u0041\/"}"#;
    let draft = request(&format!("{{\"user_id\":\"u\",\"data\": {data} }}")).unwrap().draft();
    assert_eq!(draft.unwrap().data.unwrap().as_str(), data);
    let nothing = request(r#"{"user_id":"u","data":null,"actions":null}"#).unwrap().draft();
    assert_eq!(nothing.unwrap().data, None);
    // One such text would spoil the whole inbox for readers that are strict.
    check_draft(
        r#"{"user_id":"u","data":{"a":["\ud800"]},"actions":[1e999]}"#,
        &["/data", "/actions"],
    );
}

#[test]
fn depth_is_bounded_without_recursion() {
    let nested = |depth: usize| {
        format!("{{\"user_id\":\"u\",\"data\":{}1{}}}", "[".repeat(depth), "]".repeat(depth))
    };
    check(&nested(DEPTH - 1), "");
    check(&nested(DEPTH), "400 deep");
    let bomb = nested(1_000_000);
    assert_eq!(refusal(request(&bomb)), "400 deep");
    assert_eq!(refusal(request(&"[".repeat(1_000_000))), "400 deep");
    // A wide text, and brackets in strings, are not deep.
    check(&format!("{{\"x\":[{}1]}}", "[],".repeat(1_000)), "");
    check(r#"{"x":"[[[[[[[[[[[[\"[[[[[[[[[[\\"}"#, "");
    // With the bound far off, serde's own must not overflow the stack either.
    assert!(parse::<NotifyRequest>(bomb.as_bytes(), usize::MAX).is_ok());
}

#[test]
fn problems_say_what_can_be_mended() {
    let problem = Problem::from(request(r#"{"ttl":"x"}"#).unwrap_err());
    assert_eq!((problem.code, problem.errors[0].pointer.as_str()), (Code::Invalid, "/ttl"));
    let problem = Problem::from(request("{").unwrap_err());
    assert_eq!((problem.status, problem.errors.len()), (400, 0));
    for code in CloseCode::ALL {
        assert!(code.default_reason().len() <= 123, "{code:?}");
    }
}

#[test]
fn secrets_print_as_stars() {
    let shown = format!("{:?}", request(r#"{"phone_number":"+1234567890"}"#).unwrap());
    assert!(!shown.contains("1234567890"), "{shown}");
    let refused = refusal(request(r#"{"phone_number":1234567890}"#));
    assert_eq!(refused, "/phone_number must be a string");
    let frame = ClientMessage::decode(br#"{"type":"auth","token":"hush"}"#, DEPTH).unwrap();
    assert!(!format!("{frame:?}").contains("hush"));
}

#[track_caller]
fn check_frame(text: &str, expected: &str) {
    let bad = ClientMessage::decode(text.as_bytes(), DEPTH).unwrap_err();
    assert_eq!(String::from_utf8(ControlFrame::from(bad).encode()).unwrap(), expected);
}

#[test]
fn bad_client_frames_are_answered_with_their_mark() {
    let types = format!("must be one of {}", ClientFrame::TYPES.join(", "));
    check_frame(
        r#"{"type":"dance","ref":7}"#,
        &format!(r#"{{"type":"error","code":"invalid","detail":"/type {types}","ref":7}}"#),
    );
    check_frame(
        r#"{"type":"ack","ref":"a"}"#,
        r#"{"type":"error","code":"invalid","detail":"/replay_id is required","ref":"a"}"#,
    );
    check_frame(
        r#"{"type":"auth","token":5,"ref":"a"}"#,
        r#"{"type":"error","code":"invalid","detail":"/token must be a string","ref":"a"}"#,
    );
    check_frame(
        r#"{"ref":[1]}"#,
        r#"{"type":"error","code":"invalid","detail":"/ref must be an integer, or a string of at most 128 bytes"}"#,
    );
    let unreadable = ClientMessage::decode(b"hello", DEPTH).unwrap_err();
    assert_eq!((unreadable.code, unreadable.reference), (Code::Unreadable, None));
    let ping = ClientMessage::decode(br#"{"type":"ping","payload":{"x":[1]}}"#, DEPTH).unwrap();
    assert!(matches!(ping.frame, ClientFrame::Ping));
}

#[test]
fn payloads_that_name_types_are_read_in_either_spelling_and_refused_with_their_place() {
    for (kind, spelling) in [("subscribe", "entityTypes"), ("unsubscribe", "entity_types")] {
        let text = format!(r#"{{"type":"{kind}","payload":{{"{spelling}":["notes","*"],"x":1}}}}"#);
        let types = match ClientMessage::decode(text.as_bytes(), DEPTH).unwrap().frame {
            ClientFrame::Subscribe(types) | ClientFrame::Unsubscribe(types) => types,
            other => panic!("{other:?}"),
        };
        assert_eq!(types.entity_types, ["notes", "*"]);
    }
    let many = format!(r#"{{"entityTypes":[{}]}}"#, vec![r#""a""#; 101].join(","));
    for (payload, detail) in [
        (
            r#"{"entityTypes":["a"],"entity_types":["a"]}"#,
            "/payload/entityTypes is given more than",
        ),
        (r#"{"entityTypes":"notes"}"#, "/payload/entityTypes must be an array"),
        (r#"{"entityTypes":["a",1]}"#, "/payload/entityTypes/1 must be"),
        (r#"{"entityTypes":["a","B"]}"#, "/payload/entityTypes/1 must be `*`, or 1 to 64 of"),
        (r#"{}"#, "/payload/entityTypes is required"),
        (r#"[["a"]]"#, "/payload must be an object"),
        ("null", "/payload is required"),
        (&many, "/payload/entityTypes must name at most 100 types"),
    ] {
        let text = format!(r#"{{"type":"subscribe","payload":{payload},"ref":"r"}}"#);
        let bad = ClientMessage::decode(text.as_bytes(), DEPTH).unwrap_err();
        assert!(bad.detail.starts_with(detail), "{payload}: {}", bad.detail);
        assert_eq!((bad.code, bad.reference), (Code::Invalid, Some(Reference::Text("r".into()))));
    }
    let deep = format!(r#"{{"type":"ping","x":{}1{}}}"#, "[".repeat(99), "]".repeat(99));
    let bad = ClientMessage::decode(deep.as_bytes(), DEPTH).unwrap_err();
    assert_eq!((bad.code, bad.detail.as_str()), (Code::Unreadable, "is nested too deep"));
    // Whoever needs no payload may bring any.
    let pong = ClientMessage::decode(br#"{"type":"pong","payload":"x"}"#, DEPTH).unwrap();
    assert!(matches!(pong.frame, ClientFrame::Pong));
}

#[test]
fn queries_name_every_fault() {
    let limits = PageLimits { default: 50, max: 500 };
    let text = |text: &str| Some(text.to_owned());
    let good =
        NotificationsQuery { unread: text("true"), after: text("12345"), ..Default::default() };
    let filter = good.read(limits).unwrap();
    assert_eq!((filter.read, filter.page.limit, filter.page.offset), (Some(false), 50, 0));
    let bad = NotificationsQuery {
        limit: text("501"),
        offset: text("-1"),
        cursor: text("x"),
        after: text("-1"),
        user_id: text(""),
        notification_type: text("a b"),
        delivered: text("maybe"),
        read: text("true"),
        unread: text("true"),
        channel: text("fax"),
        since: text("soon"),
        ..Default::default()
    };
    let names = ["cursor", "limit", "offset", "after", "user_id", "notification_type", "delivered"];
    let names = names.into_iter().chain(["unread", "channel", "since"]);
    let places: Vec<String> =
        bad.read(limits).unwrap_err().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(places, names.map(|name| format!("/query/{name}")).collect::<Vec<_>>());
    for limit in ["0", "501", "", "1.5", "99999999999999999999999"] {
        let query = PageQuery { limit: text(limit), ..Default::default() };
        assert_eq!(query.read(limits).unwrap_err()[0].pointer, "/query/limit", "{limit}");
    }
    let audit = AuditQuery { action: text("sneezed"), ..Default::default() };
    assert_eq!(audit.read(limits).unwrap_err()[0].pointer, "/query/action");
    let audit = AuditQuery { entity_id: text("a\0"), ..Default::default() };
    assert_eq!(audit.read(limits).unwrap_err()[0].pointer, "/query/entity_id");
}
