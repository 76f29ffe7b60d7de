//! E-mail over SMTP (RFC 5321), to the mail server that an operator configured.
//!
//! The conversation is led step by step, because what a failure means depends on how far it had
//! come: before the text nothing was taken, after it nobody knows. Nothing is repeated here.

mod answer;
mod letter;
mod pool;
mod settings;

use std::time::Duration;

use landfall_core::channel::Channel;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::time::timeout;

use self::answer::Stage;
use self::letter::{Letter, Letterhead};
use self::pool::Pool;
use crate::{Attempt, Email, Load, LoadKind, Outcome, Parcel, Provider};

pub use settings::{Login, Security, SmtpError, SmtpSettings};

/// A mail server as a provider.
pub struct Smtp {
    server: (String, u16),
    security: Security,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    head: Letterhead,
    timeout: Duration,
    pool: Pool,
}

impl Smtp {
    /// Prepares the connection; nothing is asked before the first attempt. Fails where the
    /// settings cannot work.
    pub fn new(settings: SmtpSettings) -> Result<Self, SmtpError> {
        let tls = settings.tls()?;
        let from = settings::mailbox(&settings.from)?;
        let reply_to = settings.reply_to.as_deref().map(settings::mailbox).transpose()?;
        let hello = settings.hello_name.as_deref().unwrap_or_else(|| from.email.domain());
        if hello.is_empty() || !hello.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SmtpError::BadHelloName);
        }
        Ok(Self {
            hello: ClientId::Domain(hello.into()),
            server: (settings.host, settings.port),
            security: settings.security,
            tls,
            credentials: settings.login.map(|login| Credentials::new(login.user, login.password)),
            head: Letterhead { from, reply_to },
            timeout: settings.timeout,
            pool: Pool::new(settings.idle_connections),
        })
    }

    async fn attempt(&self, parcel: &Parcel, email: &Email) -> Outcome {
        if parcel.expires_at.is_some_and(|at| at <= parcel.now) {
            return Outcome::Refused { code: "expired".into() };
        }
        let letter = match letter::write(&self.head, parcel, email) {
            Ok(letter) => letter,
            Err(outcome) => return outcome,
        };
        let mut stage = Stage::Connect;
        match timeout(self.timeout, self.carry(letter, &mut stage)).await {
            Ok(outcome) => outcome,
            Err(_) => answer::timed_out(stage),
        }
    }

    async fn carry(&self, letter: Letter, stage: &mut Stage) -> Outcome {
        let mut connection = match self.connection(stage).await {
            Ok(connection) => connection,
            Err(error) => return answer::failed(*stage, &error),
        };
        let talked = self.talk(&mut connection, letter, stage).await;
        // After a refusal the server waits for the next command, unless it said good-bye.
        let stays = match &talked {
            Ok(outcome) => matches!(outcome, Outcome::Sent { .. }),
            Err(error) => error.status().is_some_and(|code| u16::from(code) != 421),
        };
        if stays {
            self.pool.keep(connection);
        }
        talked.unwrap_or_else(|error| answer::failed(*stage, &error))
    }

    async fn talk(
        &self,
        connection: &mut AsyncSmtpConnection,
        letter: Letter,
        stage: &mut Stage,
    ) -> Result<Outcome, Error> {
        *stage = Stage::Sender;
        let mut parameters = Vec::new();
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !is_ascii(&letter.to) || !is_ascii(&self.head.from.email) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Ok(Outcome::Refused { code: "no SMTPUTF8".into() });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        connection.command(Mail::new(Some(self.head.from.email.clone()), parameters)).await?;
        *stage = Stage::Recipient;
        connection.command(Rcpt::new(letter.to, Vec::new())).await?;
        *stage = Stage::Data;
        let answer = connection.command(Data).await?;
        if !answer.has_code(354) {
            return Ok(Outcome::Later { after: None, code: format!("{} to DATA", answer.code()) });
        }
        *stage = Stage::Text;
        let answer = connection.message(&letter.bytes).await?;
        Ok(answer::taken(&answer, letter.id))
    }

    /// Takes an idle connection that still answers, or opens one.
    async fn connection(&self, stage: &mut Stage) -> Result<AsyncSmtpConnection, Error> {
        while let Some(mut idle) = self.pool.take() {
            if idle.command(Rset).await.is_ok() {
                return Ok(idle);
            }
        }
        let wrapper = self.tls.clone().filter(|_| self.security == Security::Tls);
        let server = (self.server.0.as_str(), self.server.1);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, wrapper, None).await?;
        if let Some(tls) = self.tls.clone().filter(|_| self.security == Security::StartTls) {
            connection.starttls(tls, &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            *stage = Stage::Login;
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        }
        Ok(connection)
    }
}

impl Provider for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn takes(&self, kind: LoadKind) -> bool {
        kind == LoadKind::Email
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            match &parcel.load {
                Load::Email(email) => self.attempt(parcel, email).await,
                _ => Outcome::Refused { code: "not for smtp".into() },
            }
        })
    }
}
