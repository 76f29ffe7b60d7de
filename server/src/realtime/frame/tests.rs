//! The codec against the examples of RFC 6455 section 5.7, against every way to cut a stream, and against noise.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 70_000;

/// An [`Incoming`] that owns what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Incoming<'_>> for Seen {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text(text.into()),
            Incoming::Binary(bytes) => Self::Binary(bytes.into()),
            Incoming::Ping(bytes) => Self::Ping(bytes.into()),
            Incoming::Pong(bytes) => Self::Pong(bytes.into()),
            Incoming::Close { code, reason } => Self::Close(code, reason.into()),
        }
    }
}

/// Feeds `stream` in pieces of the given sizes, in turn, and returns what came out and the error that ended it.
fn feed(stream: &[u8], pieces: &[usize], limit: usize) -> (Vec<Seen>, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let (mut seen, mut error, mut at) = (Vec::new(), None, 0);
    for piece in pieces.iter().cycle() {
        if at == stream.len() {
            break;
        }
        let end = stream.len().min(at + piece);
        let mut buffer = stream[at..end].to_vec();
        let mut input = buffer.as_mut_slice();
        loop {
            match decoder.next(&mut input, limit) {
                Ok(Some(incoming)) => seen.push(incoming.into()),
                Ok(None) => break,
                Err(cause) => error = error.or(Some(cause)),
            }
        }
        assert!(input.is_empty());
        assert!(decoder.held_bytes() <= 2 * stream.len().min(limit) + 512);
        at = end;
    }
    (seen, error)
}

fn masked(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        medium @ 126..=0xFFFF => {
            frame.push(0xFE);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0xFF);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

#[test]
fn reads_the_examples_of_the_rfc() {
    let check = |stream: &[u8], expected: &[Seen]| {
        assert_eq!(feed(stream, &[usize::MAX >> 1], LIMIT), (expected.to_vec(), None));
    };
    let hello = Seen::Text("Hello".into());
    check(
        &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        std::slice::from_ref(&hello),
    );
    check(
        &[masked(0x01, b"Hel", [1, 2, 3, 4]), masked(0x80, b"lo", [5, 6, 7, 8])].concat(),
        std::slice::from_ref(&hello),
    );
    check(
        &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        &[Seen::Pong(b"Hello".to_vec())],
    );
    check(&masked(0x89, b"Hello", [0; 4]), &[Seen::Ping(b"Hello".to_vec())]);
    check(&masked(0x82, &[7; 256], [9; 4]), &[Seen::Binary(vec![7; 256])]);
    check(&masked(0x82, &[7; 65536], [9; 4]), &[Seen::Binary(vec![7; 65536])]);
}

#[test]
fn writes_the_examples_of_the_rfc() {
    assert_eq!(text(b"Hello"), &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(ping(b"Hello"), &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(pong(b"Hello"), &[0x8a, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(close(1008, "no"), &[0x88, 0x04, 0x03, 0xf0, b'n', b'o'][..]);
    assert_eq!(text(&[b'x'; 125])[..2], [0x81, 125]);
    assert_eq!(text(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
    assert_eq!(text(&[b'x'; 65535])[..4], [0x81, 126, 0xFF, 0xFF]);
    assert_eq!(text(&[b'x'; 65536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(text(&[b'x'; 65536]).len(), 65546);
}

#[test]
fn cuts_control_payloads_to_what_the_rfc_allows() {
    assert_eq!(ping(&[0; 126]).len(), 127);
    let frame = close(1000, &"é".repeat(62));
    assert_eq!(frame.len(), 2 + 2 + 122);
    assert!(std::str::from_utf8(&frame[4..]).is_ok());
}

#[test]
fn an_idle_connection_holds_two_words_and_no_heap() {
    assert!(size_of::<Decoder>() <= 16);
    let mut decoder = Decoder::default();
    let stream =
        [masked(0x01, b"Hel", [1; 4]), masked(0x89, b"beat", [2; 4]), masked(0x80, b"lo", [3; 4])]
            .concat();
    for byte in stream {
        let mut buffer = [byte];
        let mut input = buffer.as_mut_slice();
        while decoder.next(&mut input, LIMIT).unwrap().is_some() {}
    }
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut decoder = Decoder::default();
    let mut head = [0x82, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4, 5];
    let mut input = head.as_mut_slice();
    assert_eq!(decoder.next(&mut input, 2 << 30), Ok(None));
    assert!(decoder.held_bytes() < 256, "{}", decoder.held_bytes());
}

#[test]
fn each_fault_has_its_close_code() {
    let check = |stream: &[u8], error: FrameError, code: u16| {
        assert_eq!(feed(stream, &[stream.len()], 1000).1, Some(error), "{stream:02x?}");
        assert_eq!(feed(stream, &[1], 1000).1, Some(error), "{stream:02x?}");
        assert_eq!(error.close_code(), code);
    };
    let framed = |first: u8, payload: &[u8]| masked(first, payload, [1, 2, 3, 4]);
    check(&[0x81, 0x01, b'x'], FrameError::Unmasked, 1002);
    check(&framed(0xC1, b"x"), FrameError::ReservedBits, 1002);
    check(&framed(0xA1, b"x"), FrameError::ReservedBits, 1002);
    check(&framed(0x91, b"x"), FrameError::ReservedBits, 1002);
    check(&framed(0x83, b"x"), FrameError::ReservedOpcode, 1002);
    check(&framed(0x8B, b"x"), FrameError::ReservedOpcode, 1002);
    check(&framed(0x09, b"x"), FrameError::FragmentedControl, 1002);
    check(&framed(0x89, &[0; 126]), FrameError::LongControl, 1002);
    check(&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], FrameError::NegativeLength, 1002);
    check(&framed(0x80, b"x"), FrameError::UnexpectedContinuation, 1002);
    check(&[framed(0x01, b"x"), framed(0x81, b"y")].concat(), FrameError::UnfinishedMessage, 1002);
    check(&framed(0x88, &[3]), FrameError::ShortClose, 1002);
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        check(&framed(0x88, &code.to_be_bytes()), FrameError::BadCloseCode(code), 1002);
    }
    check(&framed(0x81, &[0xFF]), FrameError::InvalidUtf8, 1007);
    check(&[framed(0x01, &[0xC3]), framed(0x80, &[0x28])].concat(), FrameError::InvalidUtf8, 1007);
    check(&framed(0x88, &[0x03, 0xE8, 0xFF]), FrameError::InvalidUtf8, 1007);
    check(&framed(0x81, &[b'x'; 1001])[..8], FrameError::TooLarge { limit: 1000 }, 1009);
    let parts = [framed(0x01, &[b'x'; 600]), framed(0x00, &[b'x'; 401])].concat();
    check(&parts[..616], FrameError::TooLarge { limit: 1000 }, 1009);
    check(
        &[0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4],
        FrameError::TooLarge { limit: 1000 },
        1009,
    );
}

#[test]
fn takes_every_close_code_that_may_travel() {
    for code in [1000u16, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999] {
        let stream = masked(0x88, &code.to_be_bytes(), [4; 4]);
        assert_eq!(
            feed(&stream, &[3], LIMIT),
            (vec![Seen::Close(Some(code), String::new())], None)
        );
    }
    assert_eq!(
        feed(&masked(0x88, b"", [4; 4]), &[1], LIMIT),
        (vec![Seen::Close(None, String::new())], None)
    );
}

#[test]
fn a_character_may_be_cut_between_fragments_and_a_length_be_long() {
    let euro = "€".as_bytes();
    let stream = [masked(0x01, &euro[..1], [1; 4]), masked(0x80, &euro[1..], [2; 4])].concat();
    assert_eq!(feed(&stream, &[2], LIMIT), (vec![Seen::Text("€".into())], None));
    let long = [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9];
    assert_eq!(feed(&long, &[15], LIMIT), (vec![Seen::Binary(vec![9])], None));
}

#[test]
fn reads_nothing_after_a_close() {
    let stream = [masked(0x88, b"", [1; 4]), masked(0x81, b"late", [1; 4])].concat();
    assert_eq!(feed(&stream, &[4], LIMIT), (vec![Seen::Close(None, String::new())], None));
}

/// A message or control frame, and at which bytes of its payload it is cut into fragments.
fn any_message() -> impl Strategy<Value = (Seen, Vec<usize>)> {
    let bytes = |most: usize| proptest::collection::vec(any::<u8>(), 0..most);
    let seen = prop_oneof![
        4 => "\\PC{0,200}".prop_map(Seen::Text),
        4 => bytes(400).prop_map(Seen::Binary),
        1 => (65_000usize..66_000).prop_map(|length| Seen::Binary(vec![5; length])),
        2 => bytes(126).prop_map(Seen::Ping),
        2 => bytes(126).prop_map(Seen::Pong),
    ];
    (seen, proptest::collection::vec(0usize..500, 0..4))
}

fn encode(seen: &Seen, cuts: &[usize], key: [u8; 4]) -> (Vec<u8>, Vec<Seen>) {
    let (opcode, payload) = match seen {
        Seen::Text(text) => (0x1, text.as_bytes()),
        Seen::Binary(bytes) => (0x2, bytes.as_slice()),
        Seen::Ping(bytes) => return (masked(0x89, bytes, key), vec![seen.clone()]),
        Seen::Pong(bytes) => return (masked(0x8A, bytes, key), vec![seen.clone()]),
        Seen::Close(..) => unreachable!("not generated"),
    };
    let (mut stream, mut expected, mut opcode, mut rest) =
        (Vec::new(), Vec::new(), opcode, payload);
    for cut in cuts {
        let (fragment, tail) = rest.split_at((*cut).min(rest.len()));
        stream.extend(masked(opcode, fragment, key));
        stream.extend(masked(0x89, b"between", key));
        expected.push(Seen::Ping(b"between".to_vec()));
        (opcode, rest) = (0x0, tail);
    }
    stream.extend(masked(0x80 | opcode, rest, key));
    expected.push(seen.clone());
    (stream, expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn however_a_stream_is_cut_it_reads_the_same(
        messages in proptest::collection::vec((any_message(), any::<[u8; 4]>()), 0..8),
        pieces in proptest::collection::vec(1usize..3000, 1..6),
        noise in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for ((seen, cuts), key) in &messages {
            let (bytes, events) = encode(seen, cuts, *key);
            stream.extend(bytes);
            expected.extend(events);
        }
        prop_assert_eq!(feed(&stream, &[usize::MAX >> 1], LIMIT), (expected, None));
        stream.extend(noise);
        let whole = feed(&stream, &[usize::MAX >> 1], LIMIT);
        prop_assert_eq!(&feed(&stream, &[1], LIMIT), &whole);
        prop_assert_eq!(&feed(&stream, &pieces, LIMIT), &whole);
    }
}

#[test]
fn noise_never_panics() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..100_000 {
        let mut stream: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        // Half of the streams begin like a frame, so that noise gets past the first two bytes.
        if let [first, second, ..] = stream.as_mut_slice()
            && random() % 2 == 0
        {
            *first &= 0x8F;
            *second |= 0x80;
        }
        let piece = 1 + random() as usize % 16;
        assert_eq!(feed(&stream, &[piece], 300), feed(&stream, &[usize::MAX >> 1], 300));
    }
}
