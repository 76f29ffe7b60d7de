//! Content codings: in which one a body came, and which one an answer may have (RFC 9110, sections
//! 8.4.1 and 12.5.3).
//!
//! Reads headers, never a body. A coding that is not taken must never be guessed at.

use axum::http::{HeaderMap, HeaderName, header};
use landfall_protocol::problem::Code;

use super::error::ApiError;

/// A coding that is packed and unpacked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878, with windows as RFC 9659 bounds them.
    Zstd,
}

/// The codings that are taken, as `Accept-Encoding` names them (RFC 7694).
const TAKEN: &str = "zstd, gzip";
const IDENTITY: &str = "identity";
/// The weight of what is named without one, in thousandths.
const WHOLE: u16 = 1_000;

impl Coding {
    /// Gives the coding's name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match () {
            // RFC 9110, section 8.4.1.3.
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }

    /// Tells the coding of a request's body; nothing for one that comes as it is.
    ///
    /// # Errors
    /// 415 for another coding, or for several, one around the other; it names those that are taken.
    pub(super) fn of_body(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let names = named(headers, header::CONTENT_ENCODING);
        match (names.first(), names.len()) {
            (None, _) => Ok(None),
            (Some(name), 1) if name.eq_ignore_ascii_case(IDENTITY) => Ok(None),
            (Some(name), 1) if Self::parse(name).is_some() => Ok(Self::parse(name)),
            _ => {
                let detail = "The body may be packed once, as zstd or gzip, or not at all.";
                Err(ApiError::new(Code::UnsupportedType, detail).with_codings(TAKEN))
            }
        }
    }

    /// Refuses a body that is packed, where it is not unpacked.
    ///
    /// # Errors
    /// 415 for every coding.
    pub(super) fn refuse(headers: &HeaderMap) -> Result<(), ApiError> {
        let names = named(headers, header::CONTENT_ENCODING);
        if names.iter().all(|name| name.eq_ignore_ascii_case(IDENTITY)) {
            return Ok(());
        }
        let detail = "This body must not be packed.";
        Err(ApiError::new(Code::UnsupportedType, detail).with_codings(IDENTITY))
    }

    /// Chooses the coding of an answer: the one that the client wants most, and zstd where it wants both as
    /// much; nothing where it takes neither or would rather have the answer as it is.
    pub(super) fn for_answer(headers: &HeaderMap) -> Option<Self> {
        let offers = named(headers, header::ACCEPT_ENCODING);
        let offers: Vec<(&str, u16)> = offers.into_iter().map(weighed).collect();
        let of = |fits: &dyn Fn(&str) -> bool| {
            offers.iter().find(|(name, _)| fits(name)).map(|(_, weight)| *weight)
        };
        let any = of(&|name| name == "*").unwrap_or(0);
        let plain = of(&|name| name.eq_ignore_ascii_case(IDENTITY)).unwrap_or(0);
        let wanted = |coding| of(&|name| Self::parse(name) == Some(coding)).unwrap_or(any);
        // The last of equals is the greatest here.
        let best = [Self::Gzip, Self::Zstd].into_iter().max_by_key(|coding| wanted(*coding))?;
        let weight = wanted(best);
        (weight > 0 && weight >= plain).then_some(best)
    }
}

/// Lists what a header names, over all its lines.
fn named(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let lines = headers.get_all(name).into_iter();
    // What is no text is no name either.
    let lines = lines.map(|value| value.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Parts a name from its weight; one that is no weight is 0 (RFC 9110, section 12.4.2).
fn weighed(offer: &str) -> (&str, u16) {
    let Some((name, weight)) = offer.split_once(';') else { return (offer, WHOLE) };
    let weight = weight.trim();
    let weight = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
    let weight = weight.and_then(|weight| weight.parse::<f32>().ok());
    let weight = weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0);
    (name.trim(), (weight * f32::from(WHOLE)).round() as u16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    #[test]
    fn an_answer_is_packed_as_the_client_wants_it_most() {
        let check = |lines: &[&str], expected: Option<Coding>| {
            let headers = headers(header::ACCEPT_ENCODING, lines);
            assert_eq!(Coding::for_answer(&headers), expected, "{lines:?}");
        };
        let (gzip, zstd) = (Some(Coding::Gzip), Some(Coding::Zstd));
        check(&[], None);
        check(&[""], None);
        check(&["identity"], None);
        check(&["br, deflate"], None);
        check(&["gzip, deflate, br, zstd"], zstd);
        check(&["gzip", "zstd"], zstd);
        check(&["zstd;q=0.5, gzip;q=0.501"], gzip);
        check(&["zstd;q=0, GZIP;Q=0.1"], gzip);
        check(&["zstd;q=0, x-gzip"], gzip);
        check(&["*"], zstd);
        check(&["zstd;q=0, *;q=0.3"], gzip);
        check(&["*;q=0"], None);
        check(&["gzip;q=0.5, identity"], None);
        check(&["gzip;q=0.5, identity;q=0.5"], gzip);
        check(&["gzip;q=2, zstd;q=nan"], None);
        check(&["gzip ; q=0.5"], gzip);
    }

    #[test]
    fn a_body_is_packed_once_and_as_it_says() {
        let check = |lines: &[&str]| Coding::of_body(&headers(header::CONTENT_ENCODING, lines));
        assert_eq!(check(&[]).unwrap(), None);
        assert_eq!(check(&["Identity"]).unwrap(), None);
        assert_eq!(check(&["gzip"]).unwrap(), Some(Coding::Gzip));
        assert_eq!(check(&["x-gzip"]).unwrap(), Some(Coding::Gzip));
        assert_eq!(check(&[" ZSTD"]).unwrap(), Some(Coding::Zstd));
        for lines in [&["br"][..], &["gzip, zstd"], &["gzip", "gzip"], &["identity, gzip"]] {
            assert_eq!(check(lines).unwrap_err().problem().code, Code::UnsupportedType);
        }
        let refuse = |lines: &[&str]| Coding::refuse(&headers(header::CONTENT_ENCODING, lines));
        assert!(refuse(&[]).is_ok() && refuse(&["identity"]).is_ok());
        assert!(refuse(&["zstd"]).is_err() && refuse(&["identity, br"]).is_err());
    }
}
