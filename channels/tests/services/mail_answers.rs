//! Every answer of a mail server, at every step, and every way to get none.

use landfall_channels::email::{Security, Smtp, SmtpSettings};
use landfall_channels::{Load, Outcome, Parcel};
use landfall_fixtures::tls::FIRST;
use landfall_fixtures::{Act, Protection, SmtpServer, Step};

use super::letters::{sent, settings, smtp};
use super::parcels::{IMPATIENT, broken, email, gone, later, parcel, refused, send, unknown};

fn letter() -> Parcel {
    parcel(Load::Email(Box::new(email())))
}

async fn say(step: Step, line: &str, expected: Outcome) {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    server.say(step, line);
    assert_eq!(send(&smtp(&server), &letter()).await, expected, "{step:?}: {line}");
}

const STEPS: [Step; 6] =
    [Step::Greeting, Step::Hello, Step::Sender, Step::Recipient, Step::Data, Step::Text];

#[tokio::test]
async fn a_transient_answer_means_later_at_every_step() {
    for step in STEPS {
        say(step, "421 4.3.2 Closing", later("421 4.3.2")).await;
        say(step, "451 Try again", later("451")).await;
    }
    say(Step::Recipient, "450 4.2.1 Greylisted, ana@example.org", later("450 4.2.1")).await;
    say(Step::Recipient, "452 4.2.2 Mailbox full", later("452 4.2.2")).await;
    say(Step::Text, "451-4.7.1 a\r\n451 4.7.1 b", later("451 4.7.1")).await;
}

#[tokio::test]
async fn an_address_is_gone_when_the_server_says_so() {
    for status in ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"] {
        let line = format!("550 {status} ana@example.org");
        say(Step::Recipient, &line, gone(&format!("550 {status}"))).await;
        say(Step::Text, &line, gone(&format!("550 {status}"))).await;
    }
    for reply in ["550", "551", "553"] {
        say(Step::Recipient, &format!("{reply} no such user"), gone(reply)).await;
    }
}

#[tokio::test]
async fn a_full_mailbox_empties_again() {
    say(Step::Recipient, "552 5.2.2 Full", later("552 5.2.2")).await;
    say(Step::Text, "554 5.2.2 Full", later("554 5.2.2")).await;
    say(Step::Recipient, "552 Full", later("552")).await;
}

#[tokio::test]
async fn what_a_server_will_not_take_is_refused_and_the_address_stays() {
    let statuses = ["5.2.3", "5.3.4", "5.4.1", "5.5.1", "5.6.0", "5.7.1", "5.7.26", "5.0.0"];
    for status in statuses {
        let (line, code) = (format!("554 {status} No"), format!("554 {status}"));
        say(Step::Recipient, &line, refused(&code)).await;
        say(Step::Text, &line, refused(&code)).await;
    }
    say(Step::Text, "550 Looks like spam", refused("550")).await;
    say(Step::Text, "552 Too big", refused("552")).await;
    say(Step::Recipient, "554 No", refused("554")).await;
    say(Step::Sender, "552 5.3.4 Too big", refused("552 5.3.4")).await;
}

#[tokio::test]
async fn what_an_operator_has_to_mend_is_told_as_broken() {
    say(Step::Greeting, "554 5.7.1 Blocked", broken("554 5.7.1")).await;
    say(Step::Hello, "550 Bad name", broken("550")).await;
    say(Step::Sender, "530 5.7.0 Must log in", broken("530 5.7.0")).await;
    say(Step::Sender, "550 5.1.8 Bad sender", broken("550 5.1.8")).await;
    say(Step::Sender, "553 Not yours", broken("553")).await;
    say(Step::Recipient, "550 5.1.7 Bad sender", broken("550 5.1.7")).await;
    say(Step::Recipient, "530 Must log in", broken("530")).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_right_is_not_believed() {
    for step in [Step::Greeting, Step::Hello, Step::Sender, Step::Recipient, Step::Data] {
        say(step, "HTTP/1.1 200 OK", later("unreadable answer")).await;
    }
    say(Step::Data, "250 2.0.0 Ok", later("250 to DATA")).await;
    say(Step::Text, "HTTP/1.1 200 OK", unknown("unreadable answer")).await;
    say(Step::Text, "354 More", unknown("354 to a text")).await;
    let endless = format!("250-{}", "x".repeat(2000)).repeat(200);
    say(Step::Text, &endless, unknown("unreadable answer")).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_before_the_text_took_nothing() {
    for step in STEPS {
        let server = SmtpServer::start(Protection::None).await.unwrap();
        server.act(step, Act::Cut);
        let expected = match step {
            Step::Text => unknown("connection lost"),
            _ => later("connection lost"),
        };
        assert_eq!(send(&smtp(&server), &letter()).await, expected, "{step:?}");
        let taken = usize::from(step == Step::Text);
        assert_eq!(server.mails().len(), taken, "{step:?}");
    }
}

#[tokio::test]
async fn a_silent_server_costs_an_attempt_its_time_and_no_more() {
    for step in STEPS {
        let server = SmtpServer::start(Protection::None).await.unwrap();
        server.act(step, Act::Silence);
        let impatient = SmtpSettings { timeout: IMPATIENT, ..settings(&server, Security::Plain) };
        let expected = match step {
            Step::Text => unknown("timed out"),
            _ => later("timed out"),
        };
        let outcome = send(&Smtp::new(impatient).unwrap(), &letter()).await;
        assert_eq!(outcome, expected, "{step:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_was_not_reached() {
    let server = SmtpServer::start(Protection::None).await.unwrap();
    let provider = smtp(&server);
    assert_eq!(send(&provider, &letter()).await, sent());
    server.stop().await;
    assert_eq!(send(&provider, &letter()).await, later("connect refused"));
}

#[tokio::test]
async fn no_mail_goes_unprotected_where_tls_is_wanted() {
    let plain = SmtpServer::start(Protection::None).await.unwrap();
    let wants_start_tls = Smtp::new(settings(&plain, Security::StartTls)).unwrap();
    assert_eq!(send(&wants_start_tls, &letter()).await, broken("no STARTTLS"));
    let wants_tls = Smtp::new(settings(&plain, Security::Tls)).unwrap();
    assert_eq!(send(&wants_tls, &letter()).await, later("tls"));
    assert!(plain.mails().is_empty());
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_not_taken() {
    let start_tls = Protection::StartTls { certificate: FIRST.0, key: FIRST.1 };
    let server = SmtpServer::start(start_tls).await.unwrap();
    let trusting = || settings(&server, Security::StartTls);
    let no_root = SmtpSettings { extra_roots: None, ..trusting() };
    assert_eq!(send(&Smtp::new(no_root).unwrap(), &letter()).await, later("tls"));
    server.say(Step::StartTls, "454 4.7.0 TLS not available");
    let refused_tls = Smtp::new(trusting()).unwrap();
    assert_eq!(send(&refused_tls, &letter()).await, later("454 4.7.0"));
    assert!(server.mails().is_empty());
    assert_eq!(send(&refused_tls, &letter()).await, sent());
}
