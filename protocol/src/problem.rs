//! Errors: one closed list of codes, shared by HTTP problems (RFC 9457), socket errors and close
//! codes.
//!
//! A problem says what a caller can mend; it must never carry a secret or the inside of the server.

use std::borrow::Cow;

use landfall_core::notify::FieldError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::json::BadJson;

/// Whether the same request can succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: something in the request must change.
    Never,
    /// With a fresh token.
    WithFreshToken,
    /// Later, unchanged: after `Retry-After` where it is given, else with growing pauses.
    Later,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The body is no JSON, or no UTF-8, or nested too deep.
    Unreadable,
    /// No token, or one that does not hold.
    Unauthenticated,
    /// The token was revoked.
    TokenRevoked,
    /// The token does not allow it.
    Forbidden,
    /// Not there, or not the caller's.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// The request did not arrive in time.
    Timeout,
    /// The state of things does not allow it, or the same key is under way.
    Conflict,
    /// Another device pushed under the same name.
    DeviceForked,
    /// More bytes, lines or items than allowed.
    TooLarge,
    /// The body has another media type than the call reads.
    UnsupportedType,
    /// No byte of the range that was asked for is there.
    RangeNotSatisfiable,
    /// Readable, but a field is wrong.
    Invalid,
    /// The idempotency key came before with another body.
    IdempotencyMismatch,
    /// The path speaks WebSocket only.
    UpgradeRequired,
    /// Too many requests.
    RateLimited,
    /// A fault of the server.
    Internal,
    /// Overloaded, draining, or the store is away.
    Unavailable,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 18] = [
        Self::Unreadable,
        Self::Unauthenticated,
        Self::TokenRevoked,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::DeviceForked,
        Self::TooLarge,
        Self::UnsupportedType,
        Self::RangeNotSatisfiable,
        Self::Invalid,
        Self::IdempotencyMismatch,
        Self::UpgradeRequired,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    const fn facts(self) -> (&'static str, u16, &'static str, Retry) {
        use Retry::{Later, Never, WithFreshToken};
        match self {
            Self::Unreadable => ("unreadable", 400, "The body cannot be read", Never),
            Self::Unauthenticated => {
                ("unauthenticated", 401, "A valid token is needed", WithFreshToken)
            }
            Self::TokenRevoked => ("token_revoked", 401, "The token was revoked", WithFreshToken),
            Self::Forbidden => ("forbidden", 403, "The token does not allow this", Never),
            Self::NotFound => ("not_found", 404, "There is no such thing", Never),
            Self::MethodNotAllowed => {
                ("method_not_allowed", 405, "The path has no such method", Never)
            }
            Self::Timeout => ("timeout", 408, "The request took too long", Later),
            Self::Conflict => ("conflict", 409, "The state does not allow this now", Later),
            Self::DeviceForked => ("device_forked", 409, "Another device has the same name", Never),
            Self::TooLarge => ("too_large", 413, "The request is too large", Never),
            Self::UnsupportedType => {
                ("unsupported_type", 415, "The media type is not supported", Never)
            }
            Self::RangeNotSatisfiable => {
                ("range_not_satisfiable", 416, "The range is not there", Never)
            }
            Self::Invalid => ("invalid", 422, "The request is not valid", Never),
            Self::IdempotencyMismatch => {
                ("idempotency_mismatch", 422, "The idempotency key belongs to another body", Never)
            }
            Self::UpgradeRequired => ("upgrade_required", 426, "A WebSocket is needed", Never),
            Self::RateLimited => ("rate_limited", 429, "Too many requests", Later),
            Self::Internal => ("internal", 500, "The server failed", Later),
            Self::Unavailable => ("unavailable", 503, "The server cannot serve this now", Later),
        }
    }

    /// Names the code as socket errors and type URIs spell it.
    pub const fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Gives the HTTP status.
    pub const fn status(self) -> u16 {
        self.facts().1
    }

    /// Says the code in words.
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// Says whether the same request can succeed later.
    pub const fn retry(self) -> Retry {
        self.facts().3
    }

    /// Gives the problem's type: a relative reference, `/problems/<code>` (RFC 9457, 3.1.1).
    pub fn type_uri(self) -> String {
        format!("{TYPE_PREFIX}{}", self.as_str())
    }
}

const TYPE_PREFIX: &str = "/problems/";

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("is no error code"))
    }
}

mod type_uri {
    use super::{Code, Deserialize, Deserializer, Serializer, TYPE_PREFIX, de};

    pub(super) fn serialize<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&code.type_uri())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Code, D::Error> {
        let text = String::deserialize(from)?;
        text.strip_prefix(TYPE_PREFIX)
            .and_then(Code::parse)
            .ok_or_else(|| de::Error::custom("is no problem type"))
    }
}

/// An error answer: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The code, as a relative reference `/problems/<code>`.
    #[serde(rename = "type", with = "type_uri")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uri-reference"))]
    pub code: Code,
    /// The code in words.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// Finds the request in the server's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Each wrong field, where the status is 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// Where: an RFC 6901 pointer into the body, or `/query/<name>`, `/path/<name>` or
    /// `/header/<name>`.
    pub pointer: String,
    /// What.
    pub detail: String,
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        let FieldError { pointer, detail } = error;
        Self { pointer, detail }
    }
}

impl Problem {
    /// Makes a problem of one code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            title: Cow::Borrowed(code.title()),
            status: code.status(),
            detail: detail.into(),
            request_id: None,
            errors: Vec::new(),
        }
    }

    /// Makes the problem of a request with wrong fields.
    pub fn invalid(faults: Vec<FieldError>) -> Self {
        let detail = match faults.as_slice() {
            [one] if one.pointer.is_empty() => format!("The body {}.", one.detail),
            [one] => format!("{}: {}.", one.pointer, one.detail),
            many => format!("{} fields are wrong.", many.len()),
        };
        let errors = faults.into_iter().map(FieldProblem::from).collect();
        Self { errors, ..Self::new(Code::Invalid, detail) }
    }

    /// Names the request.
    pub fn with_request_id(self, request_id: impl Into<String>) -> Self {
        Self { request_id: Some(request_id.into()), ..self }
    }
}

impl From<BadJson> for Problem {
    fn from(bad: BadJson) -> Self {
        match bad {
            BadJson::Unreadable(detail) => {
                Self::new(Code::Unreadable, format!("The body is no JSON: {detail}."))
            }
            BadJson::TooDeep => Self::new(Code::Unreadable, "The body is nested too deep."),
            BadJson::Invalid(fault) => Self::invalid(vec![fault]),
        }
    }
}

/// Why the server closes a socket (RFC 6455, 7.4; contract 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseCode {
    /// 1000: the client closed, or was silent.
    Normal,
    /// 1002: what came is no WebSocket frame.
    Protocol,
    /// 1007: a text frame that is no UTF-8.
    BadText,
    /// 1008: token missing, invalid, expired or revoked.
    Policy,
    /// 1009: a message larger than allowed.
    TooLarge,
    /// 1011: a fault of the server.
    Internal,
    /// 1012: draining.
    Restart,
    /// 1013: overloaded, or the client reads too slowly.
    TryLater,
}

impl CloseCode {
    /// Every close code.
    pub const ALL: [CloseCode; 8] = [
        Self::Normal,
        Self::Protocol,
        Self::BadText,
        Self::Policy,
        Self::TooLarge,
        Self::Internal,
        Self::Restart,
        Self::TryLater,
    ];

    /// Gives the number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Protocol => 1002,
            Self::BadText => 1007,
            Self::Policy => 1008,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::Restart => 1012,
            Self::TryLater => 1013,
        }
    }

    /// Says the reason that is sent where there is no better one; at most 123 bytes.
    pub const fn default_reason(self) -> &'static str {
        match self {
            Self::Normal => "closed",
            Self::Protocol => "protocol error",
            Self::BadText => "text is not UTF-8",
            Self::Policy => "token missing, invalid, expired or revoked",
            Self::TooLarge => "message too large",
            Self::Internal => "server fault",
            Self::Restart => "server is restarting",
            Self::TryLater => "overloaded or too slow, try again later",
        }
    }

    /// Says whether the client should come back.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Normal | Self::Protocol | Self::BadText | Self::TooLarge => Retry::Never,
            Self::Policy => Retry::WithFreshToken,
            Self::Internal | Self::Restart | Self::TryLater => Retry::Later,
        }
    }
}

impl From<Code> for CloseCode {
    /// Says how a socket ends when it ends for this error.
    fn from(code: Code) -> Self {
        match code {
            Code::Unauthenticated | Code::TokenRevoked => Self::Policy,
            Code::Forbidden | Code::NotFound => Self::Policy,
            Code::Unreadable | Code::Invalid | Code::MethodNotAllowed => Self::Protocol,
            Code::RangeNotSatisfiable => Self::Protocol,
            Code::Conflict | Code::UnsupportedType | Code::IdempotencyMismatch => Self::Protocol,
            Code::UpgradeRequired | Code::DeviceForked => Self::Protocol,
            Code::Timeout => Self::Normal,
            Code::TooLarge => Self::TooLarge,
            Code::RateLimited | Code::Unavailable => Self::TryLater,
            Code::Internal => Self::Internal,
        }
    }
}
