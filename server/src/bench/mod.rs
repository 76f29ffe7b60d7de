//! Landfall's own load generator and the bare floors it is compared with, behind `landfall bench`. It drives the server
//! from outside, over sockets, `/proc` and its SQLite file; nothing that serves may use it.

mod bare_crypto;
mod claims;
mod compose;
mod database;
mod delivery;
mod fanout;
mod fcm_service;
mod filled;
mod floor_fanout;
mod floor_ingest;
mod floor_outbox;
mod floor_postgres;
mod floor_sync;
mod generator;
mod http;
mod http_lines;
mod http_load;
mod hub;
mod hub_server;
mod ingest;
mod landfall;
mod layout;
mod operations;
mod outbox;
mod outbox_rows;
mod pairs;
mod process;
mod publisher;
mod pull;
mod pull_changes;
mod push;
mod push_service;
mod queued;
mod reads;
mod replay;
mod report;
mod resume;
mod rounds;
mod rows;
mod send;
mod server_frame;
mod socketio;
mod socketio_node;
mod start;
mod stats;
mod stored;
mod sync;
mod sync_rows;
#[cfg(test)]
mod tests;
mod timers;
mod topic;
mod topics;
mod visitor;
mod web_push;

use std::io;

use clap::Subcommand;

pub use floor_ingest::{Rate, run as floor_ingest};
pub use report::Report;

/// What `landfall bench` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which benchmark runs.
    #[command(subcommand)]
    pub what: What,
}

/// The benchmarks; each prints one JSON object a run and then a line for people.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Routing and wording a notification for one recipient, against the template engine alone.
    Compose(compose::Options),
    /// One notification to many WebSocket connections, against a bare epoll loop that writes the same bytes.
    Fanout(fanout::Options),
    /// What a delivery costs the hub alone, without a store, against a bare epoll loop.
    Hub(hub::Options),
    /// Notifications stored a second over HTTP, against raw SQLite or PostgreSQL.
    Ingest(ingest::Options),
    /// Rows clustered by feed against rows in order of arrival, in raw SQLite.
    Layout(layout::Options),
    /// Queued deliveries to a provider on this machine, against bare requests and commits; and what a claim costs.
    Outbox(outbox::Options),
    /// What a device gets that has nothing, and what a few changes cost out of a huge store against a small one.
    Pull(pull::Options),
    /// Operations that devices push over HTTP, against raw SQLite.
    Push(push::Options),
    /// More than sockets take: what is lost, who is closed, what memory it costs.
    Queued(queued::Options),
    /// A page of missed notifications out of a huge store against a small one.
    Replay(replay::Options),
    /// Devices that come back at once with their last number.
    Resume(resume::Options),
    /// A send to many users: accepted, expanded against raw SQLite, and what others wait for meanwhile.
    Send(send::Options),
    /// Starting on a full store, and an idle server's memory.
    Start(start::Options),
    /// Operations pushed to one hot feed, kept by the store alone, against raw SQLite or PostgreSQL.
    Sync(sync::Options),
    /// Delivering a topic's messages by Socket.IO, against the official server on Node.js.
    Socketio(socketio::Options),
    /// What waits for its time: what a million of it cost, and how soon many members are reminded at once.
    Timers(timers::Options),
    /// A message to a topic of many members, against what it costs in a small one.
    Topic(topic::Options),
    /// Encrypted pushes to a push service on this machine, against the cryptography alone.
    Webpush(web_push::Options),
    /// The bare epoll loop, as a process of its own.
    #[command(hide = true)]
    FloorFanout(floor_fanout::Options),
    /// A server whose hub is fed without its store, as a process of its own.
    #[command(hide = true)]
    HubServer(hub_server::Options),
}

/// Runs one benchmark and prints to standard output; fails when the machine or the server under test does.
pub fn run(args: Args) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let mut report = Report::new(&mut out);
    match args.what {
        What::Compose(options) => compose::run(&options, &mut report),
        What::Fanout(options) => fanout::run(&options, &mut report),
        What::Ingest(options) => ingest::run(&options, &mut report),
        What::Layout(options) => layout::run(&options, &mut report),
        What::Hub(options) => hub::run(&options, &mut report),
        What::Outbox(options) => outbox::run(&options, &mut report),
        What::Pull(options) => pull::run(&options, &mut report),
        What::Push(options) => push::run(&options, &mut report),
        What::Queued(options) => queued::run(&options, &mut report),
        What::Replay(options) => replay::run(&options, &mut report),
        What::Resume(options) => resume::run(&options, &mut report),
        What::Send(options) => send::run(&options, &mut report),
        What::Start(options) => start::run(&options, &mut report),
        What::Sync(options) => sync::run(&options, &mut report),
        What::Socketio(options) => socketio::run(&options, &mut report),
        What::Timers(options) => timers::run(&options, &mut report),
        What::Topic(options) => topic::run(&options, &mut report),
        What::Webpush(options) => web_push::run(&options, &mut report),
        What::FloorFanout(options) => floor_fanout::run(&options),
        What::HubServer(options) => hub_server::run(&options),
    }
}
