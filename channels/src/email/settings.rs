//! How the mail server is reached, and who mails come from; checked once.
//!
//! Without TLS nothing secret is sent, and TLS is left out only where that is said.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Plain at first, then `STARTTLS`; a server that does not know it gets no mail (`smtp://`).
    StartTls,
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// None: for a server on the same machine (`smtp://…?tls=none`).
    Plain,
}

/// Whom this server is to the mail server.
#[derive(Clone)]
pub struct Login {
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
}

/// How the mail server is reached.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Name, or address without brackets.
    pub host: String,
    /// 587 is for submission, 465 for submission with TLS from the first byte.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whom this server is to the mail server; `None` where it takes mail from everybody.
    pub login: Option<Login>,
    /// Who mails come from: `name@example.org`, or `Name <name@example.org>`.
    pub from: String,
    /// Where answers go, written like `from`.
    pub reply_to: Option<String>,
    /// What this server calls itself; the domain of `from` where nothing is given.
    pub hello_name: Option<String>,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// How many idle connections are kept.
    pub idle_connections: usize,
    /// Certificates in PEM that are trusted besides the system's own.
    pub extra_roots: Option<Vec<u8>>,
}

/// Says what is wrong with the settings.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SmtpError {
    /// No URL, or of another kind.
    #[error("must be smtp://user:password@host:port or smtps://user:password@host:port")]
    BadUrl,
    /// A part of the URL is no UTF-8 when decoded.
    #[error("user and password must be percent-encoded UTF-8")]
    BadLogin,
    /// The password would be read by everybody on the way.
    #[error("a password needs TLS: use smtps://, or leave out tls=none")]
    ReadableLogin,
    /// No mailbox.
    #[error("`{0}` is no mailbox such as name@example.org or Name <name@example.org>")]
    BadMailbox(String),
    /// No domain.
    #[error("the hello name must be a domain or an address literal")]
    BadHelloName,
    /// Unreadable certificates, or none in the system.
    #[error("no TLS: {0}")]
    Tls(String),
}

impl SmtpSettings {
    /// The usual time-out: mail servers may think for long about a text.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// How many idle connections are usually kept.
    pub const IDLE_CONNECTIONS: usize = 8;

    /// Reads `smtp(s)://user:password@host:port`, where user and password may be left out.
    pub fn from_url(url: &str, from: &str) -> Result<Self, SmtpError> {
        let url = Url::parse(url).map_err(|_| SmtpError::BadUrl)?;
        let mut query = url.query_pairs();
        let security = match (url.scheme(), query.next(), query.next()) {
            ("smtp", None, _) => Security::StartTls,
            ("smtps", None, _) => Security::Tls,
            ("smtp", Some((key, value)), None) if key == "tls" && value == "none" => {
                Security::Plain
            }
            _ => return Err(SmtpError::BadUrl),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpError::BadUrl)?;
        let decoded = |text| {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| SmtpError::BadLogin)?;
            Ok(text.into_owned())
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (_, None) | ("", _) => return Err(SmtpError::BadLogin),
            (user, Some(password)) => {
                Some(Login { user: decoded(user)?, password: decoded(password)? })
            }
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).into(),
            port: url.port().unwrap_or(if security == Security::Tls { 465 } else { 587 }),
            security,
            login,
            from: from.into(),
            reply_to: None,
            hello_name: None,
            timeout: Self::TIMEOUT,
            idle_connections: Self::IDLE_CONNECTIONS,
            extra_roots: None,
        })
    }

    pub(super) fn tls(&self) -> Result<Option<TlsParameters>, SmtpError> {
        if self.security == Security::Plain {
            return if self.login.is_some() { Err(SmtpError::ReadableLogin) } else { Ok(None) };
        }
        let failed = |error: lettre::transport::smtp::Error| SmtpError::Tls(error.to_string());
        let mut tls = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.extra_roots {
            tls = tls.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
        }
        tls.build().map(Some).map_err(failed)
    }
}

/// Reads a mailbox of the settings.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, SmtpError> {
    text.parse().map_err(|_| SmtpError::BadMailbox(text.into()))
}

impl std::fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<SmtpSettings, SmtpError> {
        let settings = SmtpSettings::from_url(url, "a@b.c")?;
        settings.tls().map(|_| settings)
    }

    #[test]
    fn a_url_says_how_the_server_is_reached() {
        let check = |url, host: &str, port, security, login: Option<(&str, &str)>| {
            let read = read(url).expect("the URL is right");
            assert_eq!((read.host.as_str(), read.port, read.security), (host, port, security));
            let login_read = read.login.map(|login| (login.user, login.password));
            assert_eq!(login_read, login.map(|(user, password)| (user.into(), password.into())));
        };
        check("smtp://mail.example", "mail.example", 587, Security::StartTls, None);
        check("smtps://mail.example", "mail.example", 465, Security::Tls, None);
        let login = Some(("me@a.b", "p:w"));
        let url = "smtps://me%40a.b:p%3Aw@mail.example:2465";
        check(url, "mail.example", 2465, Security::Tls, login);
        check("smtp://127.0.0.1:25?tls=none", "127.0.0.1", 25, Security::Plain, None);
        check("smtp://[::1]:25?tls=none", "::1", 25, Security::Plain, None);
    }

    #[test]
    fn a_url_that_cannot_work_is_told_at_once() {
        for url in ["mail.example", "http://a", "smtp://", "smtp://a?tls=off", "smtps://a?tls=none"]
        {
            assert_eq!(read(url).err(), Some(SmtpError::BadUrl), "{url}");
        }
        assert_eq!(read("smtp://me@a").err(), Some(SmtpError::BadLogin));
        assert_eq!(read("smtp://me:p%ff@a").err(), Some(SmtpError::BadLogin));
        assert_eq!(read("smtp://me:secret@a?tls=none").err(), Some(SmtpError::ReadableLogin));
    }
}
