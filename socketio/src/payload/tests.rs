//! Each rule of bodies, one table for what comes in and one for what goes out.

use super::*;

const MAX: usize = 100;

fn check(body: &[u8], expected: Result<&[Posted<'_>], PayloadError>) {
    let read = Body::read(Some("text/plain;charset=UTF-8"), body, MAX);
    let packets: Result<Vec<_>, _> = read.map(|body| body.packets().collect());
    assert_eq!(packets, expected.map(<[_]>::to_vec), "{}", body.escape_ascii());
}

fn binary(bytes: &[u8]) -> Posted<'static> {
    Posted::Binary(bytes.to_vec())
}

#[test]
fn a_body_is_one_packet_or_several() {
    use Posted::Text;
    check(b"4hello", Ok(&[Text("4hello")]));
    check(b"4a\x1e4b\x1e4", Ok(&[Text("4a"), Text("4b"), Text("4")]));
    check(b"4hello\x1ebAQIDBA==", Ok(&[Text("4hello"), binary(&[1, 2, 3, 4])]));
    check(b"b", Ok(&[binary(b"")]));
    check(b"3", Ok(&[Text("3")]));
    check(b"3\x1e6\x1e1", Ok(&[Text("3"), Text("6"), Text("1")]));
    check("4€".as_bytes(), Ok(&[Text("4€")]));
}

#[test]
fn many_packets_may_come_in() {
    let body = vec!["4x"; 33].join("\u{1e}");
    check(body.as_bytes(), Ok(&vec![Posted::Text("4x"); 33]));
}

#[test]
fn a_body_is_refused_for_any_of_its_packets() {
    use PayloadError::{AfterClose, BadBase64, BadText, Packet};
    check(b"", Err(Packet(EngineError::Empty)));
    check(b"4a\x1e", Err(Packet(EngineError::Empty)));
    check(b"\x1e4a", Err(Packet(EngineError::Empty)));
    check(b"4a\x1e\x1e4b", Err(Packet(EngineError::Empty)));
    check(b"abc", Err(Packet(EngineError::UnknownType)));
    check(b"4a\x1eabc", Err(Packet(EngineError::UnknownType)));
    check(b"2", Err(Packet(EngineError::OutOfPlace)));
    check(b"2probe", Err(Packet(EngineError::OutOfPlace)));
    check(b"5", Err(Packet(EngineError::OutOfPlace)));
    check(b"4a\x1e0{}", Err(Packet(EngineError::OutOfPlace)));
    check(b"1x", Err(Packet(EngineError::Surplus)));
    check(b"1\x1e4a", Err(AfterClose));
    check(b"1\x1e1", Err(AfterClose));
    for encoded in ["b=", "bA", "bAQIDBA", "bAQ==AQ==", "bA_-A", "bAR==", "b€", "bAQID\n"] {
        check(encoded.as_bytes(), Err(BadBase64));
    }
    check(b"4\xff", Err(BadText));
    check(b"4\xed\xa0\x80", Err(BadText));
}

#[test]
fn a_body_has_a_limit_and_a_type() {
    let fits = [b"4".as_slice(), &[b'x'; MAX - 1]].concat();
    assert!(Body::read(None, &fits, MAX).is_ok());
    let larger = [fits.as_slice(), b"x"].concat();
    assert_eq!(Body::read(None, &larger, MAX), Err(PayloadError::TooLarge));
    for refused in
        ["application/octet-stream", "Application/Octet-Stream", "application/octet-stream; a=b"]
    {
        assert_eq!(Body::read(Some(refused), b"4a", MAX), Err(PayloadError::OctetStream));
    }
    for taken in [None, Some("text/plain"), Some("text/plain;charset=UTF-8"), Some("")] {
        assert!(Body::read(taken, b"4a", MAX).is_ok(), "{taken:?}");
    }
}

#[test]
fn a_body_says_whether_it_closes() {
    let closes = |body| Body::read(None, body, MAX).map(|body| body.closes());
    assert_eq!(closes(b"1"), Ok(true));
    assert_eq!(closes(b"4a\x1e1"), Ok(true));
    assert_eq!(closes(b"4a\x1e41"), Ok(false));
}

fn check_answer(packets: &[Outgoing<'_>], max_payload: usize, expected: &str, taken: usize) {
    let mut answer = Answer::new(max_payload);
    let took = packets.iter().take_while(|packet| answer.offer(**packet) == Offered::Taken).count();
    assert_eq!((took, answer.packets()), (taken, taken));
    assert_eq!(answer.into_body(), expected);
}

#[test]
fn an_answer_takes_packets_in_their_order() {
    use Outgoing::{Binary, Text};
    check_answer(&[], MAX, "", 0);
    check_answer(&[Text("4a")], MAX, "4a", 1);
    check_answer(&[Text("4a"), Binary(&[1, 2, 3, 4])], MAX, "4a\u{1e}bAQIDBA==", 2);
    check_answer(&[Text("2"), Text("4b"), Text("1")], MAX, "2\u{1e}4b\u{1e}1", 3);
}

#[test]
fn an_answer_holds_sixteen_packets() {
    let sixteen = vec!["4x"; 16].join("\u{1e}");
    check_answer(&[Outgoing::Text("4x"); 20], MAX, &sixteen, 16);
    check_answer(&[Outgoing::Text("4x"); 16], MAX, &sixteen, 16);
}

#[test]
fn an_answer_is_no_larger_than_a_payload() {
    use Outgoing::{Binary, Text};
    check_answer(&[Text("4aa"), Text("4bb")], 7, "4aa\u{1e}4bb", 2);
    check_answer(&[Text("4aa"), Text("4bb")], 6, "4aa", 1);
    check_answer(&[Text("4a"), Binary(&[1, 2, 3])], 8, "4a\u{1e}bAQID", 2);
    check_answer(&[Text("4a"), Binary(&[1, 2, 3])], 7, "4a", 1);
    check_answer(&[Text("4a"), Binary(&[0; 9])], 8, "4a", 1);
}

#[test]
fn a_packet_that_is_too_large_goes_out_alone() {
    use Outgoing::{Binary, Text};
    check_answer(&[Text("4hello"), Text("4a")], 3, "4hello", 1);
    check_answer(&[Binary(&[1, 2, 3, 4]), Text("4a")], 3, "bAQIDBA==", 1);
}
