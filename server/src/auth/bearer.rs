//! Finds the token in a request's header, query or WebSocket subprotocols (RFC 6750, RFC 6455 section 4.2.2).
//!
//! Only finds: what is found may be junk, and whether it is any good is the verifier's word.

/// Takes the token from an `Authorization` header's value. The scheme's case does not matter (RFC 9110 section 11.1).
pub fn from_header(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once([' ', '\t'])?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Takes the first `token` from a URL's query (without its `?`), percent-decoded.
pub fn from_query(query: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, value)| *name == "token" && !value.is_empty())?;
    Some(percent_decoded(value))
}

/// Takes the protocol to answer with and the token from `Sec-WebSocket-Protocol: bearer, <token>`. A browser drops the
/// connection unless it is answered with a protocol that it offered, and the token must not be echoed.
pub fn from_subprotocols(value: &str) -> Option<(&str, &str)> {
    let mut offered = value.split(',').map(str::trim);
    let answer = offered.find(|name| name.eq_ignore_ascii_case("bearer"))?;
    let token = offered.next().filter(|token| !token.is_empty())?;
    Some((answer, token))
}

/// Leaves a broken escape as it stands, as browsers do: no token contains one, so the verifier refuses it.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                decoded.extend(hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low));
                rest = after;
            }
            _ => {
                decoded.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_its_scheme_in_any_case() {
        let check = |value, expected: Option<&str>| assert_eq!(from_header(value), expected);
        check("Bearer a.b.c", Some("a.b.c"));
        check("bEARER   a.b.c ", Some("a.b.c"));
        check("Bearer a b", Some("a b"));
        check("Bearer", None);
        check("Bearer ", None);
        check("Basic a.b.c", None);
        check("Bearera.b.c", None);
        check("", None);
    }

    #[test]
    fn the_query_is_decoded_and_the_first_token_counts() {
        let check = |query, expected: Option<&str>| {
            assert_eq!(from_query(query).as_deref(), expected, "{query}");
        };
        check("token=a.b.c", Some("a.b.c"));
        check("replay_from=3&token=a%2Eb%2ec&token=x", Some("a.b.c"));
        check("token=&token=x", Some("x"));
        check("token=%zz%4", Some("%zz%4"));
        check("token=a%", Some("a%"));
        check("token=%ff", Some("\u{fffd}"));
        check("token=a=b", Some("a=b"));
        check("token=", None);
        check("token", None);
        check("my_token=a", None);
        check("", None);
    }

    #[test]
    fn the_subprotocol_is_answered_without_the_token() {
        let check = |value, expected| assert_eq!(from_subprotocols(value), expected);
        check("bearer, a.b.c", Some(("bearer", "a.b.c")));
        check("Bearer,a.b.c", Some(("Bearer", "a.b.c")));
        check("landfall, bearer, a.b.c, other", Some(("bearer", "a.b.c")));
        check("bearer", None);
        check("bearer, ", None);
        check("a.b.c, bearer", None);
        check("", None);
    }
}
