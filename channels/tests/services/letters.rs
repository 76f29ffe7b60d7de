//! What is mailed: headers, parts, and that nobody from outside can add to them.

use landfall_channels::email::{Login, Security, Smtp, SmtpError, SmtpSettings};
use landfall_channels::{Email, Load, Outcome};
use landfall_core::time::Timestamp;
use landfall_fixtures::tls::{AUTHORITY, FIRST};
use landfall_fixtures::{Act, Protection, SmtpServer, Step, TakenMail};

use super::parcels::{NOW, PATIENT, broken, email, gone, parcel, refused, send};

const MESSAGE_ID: &str = "<0192f0c1-7a3e-7cc2-98c1-0000000000d1@school.example>";

pub fn settings(server: &SmtpServer, security: Security) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port: server.port(),
        security,
        timeout: PATIENT,
        extra_roots: Some(AUTHORITY.as_bytes().into()),
        ..SmtpSettings::from_url("smtp://x", "Søren's School <news@school.example>").unwrap()
    }
}

pub fn smtp(server: &SmtpServer) -> Smtp {
    Smtp::new(settings(server, Security::Plain)).unwrap()
}

pub fn sent() -> Outcome {
    Outcome::Sent { reference: Some(MESSAGE_ID.into()), code: "250 2.0.0".into() }
}

async fn taken(email: Email) -> TakenMail {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let outcome = send(&smtp(&server), &parcel(Load::Email(Box::new(email)))).await;
    assert_eq!(outcome, sent());
    server.mails().remove(0)
}

#[tokio::test]
async fn a_letter_has_what_mail_servers_ask_for() {
    let mail = taken(email()).await;
    assert_eq!(mail.sender, "news@school.example");
    assert_eq!(mail.recipients, ["ana@example.org"]);
    let header = |name: &str| mail.header(name).map(str::to_owned);
    let has = |name: &str, value: &str| assert_eq!(header(name).as_deref(), Some(value), "{name}");
    has("Subject", "Quiz tomorrow");
    has("To", "Ana <ana@example.org>");
    has("Message-ID", MESSAGE_ID);
    has("Date", "Sat, 21 Nov 2026 12:00:00 +0000");
    has("Auto-Submitted", "auto-generated");
    has("List-Unsubscribe", "<https://landfall.example/u/abc>");
    has("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    has("MIME-Version", "1.0");
    assert!(header("From").unwrap().ends_with("<news@school.example>"));
    assert!(header("Content-Type").unwrap().starts_with("multipart/alternative"));
    let text = mail.part("text/plain").unwrap();
    assert_eq!(text, "Fractions, at nine.\r\n.\r\nBring a pencil.");
    assert_eq!(mail.part("text/html").unwrap(), "<p>Fractions, at <b>nine</b>.</p>");
}

#[tokio::test]
async fn a_letter_without_html_has_one_part() {
    let mail = taken(Email { html: None, unsubscribe_url: None, name: None, ..email() }).await;
    assert!(mail.header("Content-Type").unwrap().starts_with("text/plain"));
    assert_eq!(mail.header("To"), Some("ana@example.org"));
    assert_eq!(mail.header("List-Unsubscribe"), None);
    assert_eq!(mail.header("List-Unsubscribe-Post"), None);
    assert!(mail.part("text/plain").unwrap().starts_with("Fractions"));
}

#[tokio::test]
async fn any_text_arrives_as_it_is() {
    let long = "word ".repeat(600);
    for text in ["😀 ñ 日本語", &long, "=3D =\n..two\n.", "a\u{0}b"] {
        let mail = taken(Email { text: text.into(), html: Some(text.into()), ..email() }).await;
        let expected = text.trim_end().replace('\n', "\r\n");
        assert_eq!(mail.part("text/plain").unwrap(), expected);
        assert_eq!(mail.part("text/html").unwrap(), expected);
        assert!(mail.lines.iter().all(|line| line.len() <= 998));
    }
}

#[tokio::test]
async fn nobody_adds_a_header() {
    for evil in ["x\r\nBcc: all@x.org", "x\nBcc: all@x.org", "x\rBcc: a@x.org", "x\u{2028}Bcc: a"] {
        let mail = taken(Email {
            subject: format!("Hi {evil}"),
            name: Some(evil.into()),
            text: format!("{evil}\r\n.\r\nMAIL FROM:<x@x.org>"),
            ..email()
        })
        .await;
        assert_eq!(mail.header("Bcc"), None, "{evil:?}");
        assert_eq!(mail.recipients, ["ana@example.org"]);
        assert!(mail.header("Subject").unwrap().starts_with("Hi x Bcc: a"), "{evil:?}");
        assert_eq!(mail.headers.iter().filter(|(name, _)| name == "To").count(), 1);
    }
}

#[tokio::test]
async fn any_name_and_subject_are_carried() {
    let long = "ñ ".repeat(300);
    for name in ["\"", "\\", "a\" <x@x.org>, \"b", "😀", ",;:()[]", "  ", "\t\u{7f}\u{85}", &long]
    {
        let named = Email { name: Some(name.into()), subject: name.into(), ..email() };
        let mail = taken(named).await;
        assert_eq!(mail.recipients, ["ana@example.org"]);
        assert!(mail.header("To").unwrap().contains("ana@example.org"), "{name:?}");
        assert!(mail.header("Subject").is_some(), "{name:?}");
        assert!(mail.lines.iter().all(|line| line.len() <= 998), "{name:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_never_spoken() {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    for to in [
        "",
        "ana",
        "ana@",
        "ana@example.org\r\nRCPT TO:<x@x.org>",
        "ana@example.org>\u{0}",
        "<ana@example.org>",
        "ana@example.org, x@x.org",
        "a b@example.org",
    ] {
        let email = Email { to: to.into(), ..email() };
        let outcome = send(&smtp(&server), &parcel(Load::Email(Box::new(email)))).await;
        assert_eq!(outcome, gone("no mailbox"), "{to:?}");
    }
    for url in ["javascript:x", "https://a/\r\nBcc: x", "https://a/>,<mailto:x@y.z", "https://é/"]
    {
        let email = Email { unsubscribe_url: Some(url.into()), ..email() };
        let outcome = send(&smtp(&server), &parcel(Load::Email(Box::new(email)))).await;
        assert_eq!(outcome, refused("bad unsubscribe URL"), "{url:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_international_domain_is_written_as_servers_know_it() {
    let mail = taken(Email { to: "ana@bücher.example".into(), ..email() }).await;
    assert_eq!(mail.recipients, ["ana@xn--bcher-kva.example"]);
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let email = Email { to: "añá@example.org".into(), ..email() };
    let outcome = send(&smtp(&server), &parcel(Load::Email(Box::new(email)))).await;
    assert_eq!(outcome, refused("no SMTPUTF8"));
}

#[tokio::test]
async fn a_repeated_letter_is_the_same_letter() {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let mut parcel = parcel(Load::Email(Box::new(email())));
    for minutes in [0, 7] {
        parcel.now = NOW.plus_ms(minutes * 60_000);
        assert_eq!(send(&smtp(&server), &parcel).await, sent());
    }
    let [first, second] = <[TakenMail; 2]>::try_from(server.mails()).unwrap();
    let without_date = |mail: TakenMail| -> Vec<String> {
        mail.lines.into_iter().filter(|line| !line.starts_with("Date: ")).collect()
    };
    assert_eq!(without_date(first), without_date(second));
}

#[tokio::test]
async fn any_time_has_a_date() {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let mut parcel = parcel(Load::Email(Box::new(email())));
    for now in [i64::MIN, -1, 0, i64::MAX] {
        parcel.now = Timestamp::from_ms(now);
        assert_eq!(send(&smtp(&server), &parcel).await, sent());
    }
    parcel.expires_at = Some(parcel.now);
    assert_eq!(send(&smtp(&server), &parcel).await, refused("expired"));
}

#[tokio::test]
async fn a_login_is_only_told_over_tls() {
    let login = || Some(Login { user: "me".into(), password: "secret".into() });
    let protections = [
        (Protection::StartTls { certificate: FIRST.0, key: FIRST.1 }, Security::StartTls),
        (Protection::Tls { certificate: FIRST.0, key: FIRST.1 }, Security::Tls),
    ];
    for (protection, security) in protections {
        let server = SmtpServer::start(protection).await.unwrap();
        server.want_login("me", "secret");
        let with_login = SmtpSettings { login: login(), ..settings(&server, security) };
        let provider = Smtp::new(with_login).unwrap();
        let parcel = parcel(Load::Email(Box::new(email())));
        assert_eq!(send(&provider, &parcel).await, sent(), "{security:?}");
        assert!(server.mails()[0].over_tls);
    }
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let plain = SmtpSettings { login: login(), ..settings(&server, Security::Plain) };
    assert_eq!(Smtp::new(plain).err(), Some(SmtpError::ReadableLogin));
}

#[tokio::test]
async fn a_wrong_login_is_ours_to_mend() {
    let server =
        SmtpServer::start(Protection::Tls { certificate: FIRST.0, key: FIRST.1 }).await.unwrap();
    server.want_login("me", "secret");
    let wrong = Some(Login { user: "me".into(), password: "guess".into() });
    let provider =
        Smtp::new(SmtpSettings { login: wrong, ..settings(&server, Security::Tls) }).unwrap();
    let parcel = parcel(Load::Email(Box::new(email())));
    assert_eq!(send(&provider, &parcel).await, broken("535 5.7.8"));
    let none = Smtp::new(settings(&server, Security::Tls)).unwrap();
    assert_eq!(send(&none, &parcel).await, broken("530 5.7.0"));
}

#[tokio::test]
async fn letters_share_a_connection_while_it_lives() {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let provider = smtp(&server);
    let parcel = parcel(Load::Email(Box::new(email())));
    server.say(Step::Recipient, "550 5.1.1 No such user");
    assert_eq!(send(&provider, &parcel).await, gone("550 5.1.1"));
    for _ in 0..3 {
        assert_eq!(send(&provider, &parcel).await, sent());
    }
    assert_eq!((server.connections(), server.mails().len()), (1, 3));
    // A server that closed it meanwhile costs no attempt.
    server.act(Step::Reset, Act::Cut);
    assert_eq!(send(&provider, &parcel).await, sent());
    assert_eq!((server.connections(), server.mails().len()), (2, 4));
}
