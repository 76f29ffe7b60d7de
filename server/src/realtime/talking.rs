//! Topics over a socket: joining and leaving rooms, sending messages, saying what was read (S3).
//!
//! Each is a call of a service, as over HTTP, with an answer of its own. What everybody hears of it comes
//! with the commit, not from here.

use std::sync::Arc;

use landfall_core::auth::Caller;
use landfall_core::id::TopicId;
use landfall_core::notify::FieldError;
use landfall_protocol::frame::{JoinTopic, TopicAsk, TopicFrame, TopicRead};
use landfall_protocol::messages::{MessageItem, MessagePost, ReadPost};
use landfall_protocol::problem::Code;

use super::asks::{Refusal, invalid, refusal};
use super::connection::Connection;
use super::gateway::Gateway;
use super::mark::Mark;
use crate::service::ServiceError;
use crate::service::reading::ReadAsk;

/// Serves what a client asks about a topic; gives the answer, unless that was sent already.
pub(super) async fn serve(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    caller: &Caller,
    (ask, mark): (TopicAsk, &Mark),
) -> Result<Option<TopicFrame>, Refusal> {
    let topic = ask.topic().map_err(|fault| invalid(&[fault]))?;
    match ask {
        TopicAsk::Join(ask) => {
            join(gateway, connection, caller, (&topic, ask, mark)).await.map(|()| None)
        }
        TopicAsk::Leave(_) => {
            gateway.hub.leave(connection, &topic);
            Ok(Some(TopicFrame::left(&topic, "left")))
        }
        TopicAsk::Send(ask) => {
            let draft = MessagePost::from(*ask).read().map_err(|faults| invalid(&faults))?;
            let sent = gateway.services.send_message(caller, &topic, &draft).await;
            let sent = sent.map_err(refusal)?;
            Ok(Some(TopicFrame::MessageSent(Box::new(MessageItem::from(&sent.message)))))
        }
        TopicAsk::Read(ask) => {
            let (up_to, messages) =
                ReadPost::from(ask).read().map_err(|faults| invalid(&faults))?;
            let ask = ReadAsk { up_to, messages };
            let unread = gateway.services.read_messages(caller, &topic, &ask).await;
            Ok(Some(TopicFrame::TopicRead(TopicRead::new(&topic, unread.map_err(refusal)?))))
        }
    }
}

/// Joins a room. It hears of what changes from before it is looked where the topic stands, so that nothing
/// lies between.
async fn join(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    caller: &Caller,
    (topic, ask, mark): (&TopicId, JoinTopic, &Mark),
) -> Result<(), Refusal> {
    let after = ask.after.map(|after| after.0);
    if !gateway.hub.join(connection, topic, after.unwrap_or_default()) {
        return Err((Code::Conflict, "this socket follows as many topics as it may".into()));
    }
    match gateway.services.topic_stands(caller, topic).await {
        Ok(stands) => {
            connection.on_joined((topic, mark), after, stands);
            gateway.hub.read_marks.note(connection, &mut connection.lock());
            Ok(())
        }
        Err(error) => {
            gateway.hub.leave(connection, topic);
            Err(refusal(error))
        }
    }
}

/// Reads for a connection what it missed of a topic, or takes it out of its room.
pub(super) async fn catch_up(gateway: &Gateway, connection: &Arc<Connection>) -> bool {
    let Some((topic, had)) = connection.take_wanted_topic() else { return false };
    let Ok(_permit) = gateway.hub.reads.acquire().await else { return true };
    let Some(caller) = connection.caller() else { return true };
    let limit = gateway.hub.settings.pages.replay;
    match gateway.services.missed_messages(&caller, &topic, had, limit).await {
        Ok(missed) => {
            connection.on_missed(&topic, had, &missed);
            gateway.hub.read_marks.note(connection, &mut connection.lock());
        }
        Err(ServiceError::NotFound(_) | ServiceError::Forbidden(_)) => {
            gateway.hub.evict(connection, &topic);
        }
        Err(error) => {
            tracing::warn!(%error, "a topic could not be read; it is tried again at the heartbeat");
            connection.on_topic_unread(&topic);
        }
    }
    true
}

/// Points into a frame where a fault points into a body.
pub(super) fn in_payload(fault: &FieldError) -> String {
    format!("/payload{} {}", fault.pointer, fault.detail)
}
