//! Composing: what it costs to route and word a notification for one recipient, against the template engine alone that
//! fills in the same title and message; for somebody alone, and for each recipient of a send. It calls the use case itself
//! and stores nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use landfall_core::auth::{Caller, ScopeSet};
use landfall_core::id::{AddressId, SendId, Tenant, UserId};
use landfall_core::notification::JsonText;
use landfall_core::notify::{Draft, Recipients};
use landfall_core::preference::Preferences;
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::{Address, AddressKind, Person, Recipient, Sealed, StoredPreferences};
use serde::Serialize;
use uuid::Uuid;

use super::Report;
use super::landfall::{Scratch, new_secret};
use super::pairs::Pairs;
use super::process::thread_cpu_us;
use crate::clock::Clock;
use crate::config::{Config, Flags, Inputs};
use crate::serve::Server;
use crate::service::Services;
use crate::service::compose::{Addressee, Letter};
use crate::service::people::Wishes;
use crate::templates::Ask;

/// The recipients' languages and time zones, those of who is alone first.
const TONGUES: [(&str, &str); 6] = [
    ("es-MX", "America/Mexico_City"),
    ("es-MX", "America/Tijuana"),
    ("es", "America/Bogota"),
    ("en", "America/New_York"),
    ("en-GB", "Europe/London"),
    ("en", "Asia/Kolkata"),
];
/// Recipients of a send that are composed for at once.
const CHUNK: usize = 100;

/// What `landfall bench compose` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The template.
    #[arg(long, default_value = "quiz_reminder")]
    template: String,
    /// Seconds of each run.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// One run of either side.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    recipients: u64,
    cpu_us_per_recipient: f64,
}

/// Measures Landfall and floor in turn and prints the ratio.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let scratch = Scratch::create(&options.dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = runtime.block_on(start(&scratch))?;
    let services = &server.app.services;
    let (caller, draft) = (caller()?, draft(options)?);
    let letter = || -> anyhow::Result<Letter<'_>> {
        let filled = services.fill(&draft).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
        Ok(services.letter(&caller, &draft, filled))
    };
    let alone = letter()?;
    let one = Pairs::measure(
        options.pairs,
        report,
        |pair| for_one(options, pair, services, &alone),
        |pair, _: &Run| floor(options, pair, &alone),
    )?;
    let each = Pairs::measure(
        options.pairs,
        report,
        |pair| for_each(options, pair, services, letter),
        |pair, _: &Run| floor(options, pair, &alone),
    )?;
    runtime.block_on(server.stop());
    let tongues = TONGUES.len();
    told(report, options, "one recipient", &one)?;
    told(
        report,
        options,
        &format!("each of {CHUNK} of a send in {tongues} languages and zones"),
        &each,
    )
}

fn told(
    report: &mut Report<'_>,
    options: &Options,
    whom: &str,
    pairs: &Pairs<Run, Run>,
) -> anyhow::Result<()> {
    report.line(format_args!(
        "compose {} for {whom}: {} of what the template engine alone needs for its title and message ({:.1} µs of CPU, \
         floor {:.1}); {}",
        options.template,
        pairs.over(|run, floor| run.cpu_us_per_recipient / floor.cpu_us_per_recipient),
        pairs.over(|run, _| run.cpu_us_per_recipient).median,
        pairs.over(|_, floor| floor.cpu_us_per_recipient).median,
        pairs.told(),
    ))?;
    Ok(())
}

/// Nobody is served: only what the services are built from is wanted.
async fn start(scratch: &Scratch) -> anyhow::Result<Server> {
    let flags = Flags {
        data_dir: Some(scratch.path().to_string_lossy().into_owned()),
        listen: Some("127.0.0.1:0".into()),
    };
    let secret = (OsString::from("JWT_SECRET_KEY"), OsString::from(new_secret()));
    let env = [secret].into_iter().collect();
    let config = Config::load(Inputs { env, flags, ..Inputs::default() })?.config;
    Server::start(&config, Clock::system()).await
}

fn for_one(
    options: &Options,
    pair: usize,
    services: &Services,
    letter: &Letter<'_>,
) -> anyhow::Result<Run> {
    let (tenant, recipient) = (Tenant::parse("default")?, recipient(TONGUES[0])?);
    timed(options, "landfall, alone", pair, || {
        Ok((composed(services, &tenant, letter, &recipient)?, 1))
    })
}

/// Composes as a send is expanded: chunk by chunk, each with its letter made anew.
fn for_each<'t>(
    options: &Options,
    pair: usize,
    services: &Services,
    letter: impl Fn() -> anyhow::Result<Letter<'t>>,
) -> anyhow::Result<Run> {
    let tenant = Tenant::parse("default")?;
    let recipients = TONGUES.into_iter().map(recipient).collect::<anyhow::Result<Vec<_>>>()?;
    timed(options, "landfall, a send", pair, || {
        let mut letter = letter()?;
        letter.send = Some(SendId(Uuid::now_v7()));
        let composed = recipients
            .iter()
            .cycle()
            .take(CHUNK)
            .map(|recipient| composed(services, &tenant, &letter, recipient));
        Ok((composed.sum::<anyhow::Result<usize>>()?, CHUNK))
    })
}

fn composed(
    services: &Services,
    tenant: &Tenant,
    letter: &Letter<'_>,
    recipient: &Recipient,
) -> anyhow::Result<usize> {
    let everybody = Preferences::default();
    let wishes = &Wishes::of(recipient, &everybody);
    let addressee = Addressee { recipient, wishes, phone: None, replaces: None };
    let composed = services.composed(tenant, letter, &addressee)?;
    Ok(composed.new.content.title.len() + composed.new.channels.len())
}

fn floor(options: &Options, pair: usize, letter: &Letter<'_>) -> anyhow::Result<Run> {
    let filled = letter.filled.as_ref().context("the draft names a template")?;
    let (locale, zone) = TONGUES[0];
    let ask = Ask { locale: Some(locale), zone: Zone::parse(zone).ok(), channels: &[] };
    let bare = filled.template.bare(&filled.fields, &ask);
    timed(options, "floor", pair, || Ok((bare.fill()?.iter().map(String::len).sum(), 1)))
}

/// Repeats something for as long as a run takes; it gives something that is only there to be made, and for how many it was.
fn timed(
    options: &Options,
    side: &'static str,
    pair: usize,
    mut once: impl FnMut() -> anyhow::Result<(usize, usize)>,
) -> anyhow::Result<Run> {
    let (begun, cpu) = (Instant::now(), thread_cpu_us()?);
    let (mut rounds, mut recipients) = (0_u64, 0);
    while rounds % 256 != 0 || begun.elapsed() < Duration::from_secs(options.seconds) {
        let (made, of) = std::hint::black_box(once()?);
        ensure!(made > 0, "nothing came out");
        rounds += 1;
        recipients += of as u64;
    }
    let cpu_us_per_recipient = (thread_cpu_us()? - cpu) / recipients as f64;
    Ok(Run { bench: "compose", side, pair, recipients, cpu_us_per_recipient })
}

fn caller() -> anyhow::Result<Caller> {
    Ok(Caller {
        tenant: Tenant::parse("default")?,
        user: UserId::parse("bench")?,
        name: None,
        locale: None,
        tz: None,
        roles: vec![],
        scopes: ScopeSet::default(),
        expires_at: Timestamp::from_ms(i64::MAX),
        token_id: None,
        issued_at: None,
    })
}

fn draft(options: &Options) -> anyhow::Result<Draft> {
    let data = r#"{"title":"Fractions","scheduled_at":"2025-09-15T14:00:00Z","class_title":"7B"}"#;
    Ok(Draft {
        recipients: Recipients::User(UserId::parse("u0")?),
        notification_type: None,
        template_id: Some(options.template.clone()),
        title: None,
        message: None,
        data: Some(JsonText::trusted(data)),
        channels: vec![],
        priority: None,
        strategy: None,
        escalate_after_seconds: None,
        locale: None,
        image: None,
        actions: None,
        link: None,
        phone_number: None,
        ttl_seconds: None,
        due: None,
        digest: None,
    })
}

/// Somebody of whom everything is known: a profile, a browser, and what they want.
fn recipient((locale, zone): (&str, &str)) -> anyhow::Result<Recipient> {
    let (user, at) = (UserId::parse("u0")?, Timestamp::from_ms(1_700_000_000_000));
    let body = r#"{"rules":[{"type":"quiz","channel":"push","enabled":true},{"type":"event","reminder_minutes":[60]}],"quiet_hours":{"start":1320,"end":420,"tz":"America/Mexico_City"}}"#;
    let sealed = Sealed { bytes: vec![1; 200], hash: [1; 32] };
    Ok(Recipient {
        person: Some(Person {
            user: user.clone(),
            name: Some("Ana".into()),
            email: Some(sealed.clone()),
            phone: Some(sealed.clone()),
            locale: Some(locale.into()),
            tz: Some(zone.into()),
            created_at: at,
            updated_at: at,
            version: 1,
        }),
        preferences: Some(StoredPreferences { body: body.into(), version: 1 }),
        addresses: vec![Address {
            id: AddressId(Uuid::now_v7()),
            user: user.clone(),
            kind: AddressKind::WebPush,
            secret: sealed,
            platform: "web".into(),
            device: None,
            is_active: true,
            created_at: at,
            seen_at: at,
        }],
        suppressions: vec![],
        user,
    })
}
