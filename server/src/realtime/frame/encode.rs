//! Finished server frames: unmasked, unfragmented, one allocation each, ready to be shared between sockets. It knows no
//! connection.

use bytes::Bytes;

use super::{MAX_CONTROL_PAYLOAD, Opcode};

/// Builds the frame of a text message; `payload` must be UTF-8, which is the caller's to know.
pub fn text(payload: &[u8]) -> Bytes {
    frame(Opcode::Text, payload)
}

/// Builds a ping; of `payload` only the first 125 bytes are sent.
pub fn ping(payload: &[u8]) -> Bytes {
    frame(Opcode::Ping, control(payload))
}

/// Builds the pong that answers a ping with the same payload; only the first 125 bytes are sent.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(Opcode::Pong, control(payload))
}

/// Builds a close frame; `reason` is cut at the last character that ends within 123 bytes.
pub fn close(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL_PAYLOAD - 2)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    frame(Opcode::Close, &payload)
}

fn control(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)]
}

fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let length = payload.len();
    let mut frame = Vec::with_capacity(length + head_bytes(length));
    append(&mut frame, opcode, payload);
    Bytes::from(frame)
}

/// Builds a text message behind others that are written together.
pub fn append_text(frames: &mut Vec<u8>, payload: &[u8]) {
    append(frames, Opcode::Text, payload);
}

fn append(frame: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let length = payload.len();
    frame.push(0x80 | opcode as u8);
    match length {
        0..=125 => frame.push(length as u8),
        126..=0xFFFF => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
}

fn head_bytes(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}
