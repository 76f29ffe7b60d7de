//! Unpacks a body that came as gzip or zstd.
//!
//! Must never write more than the limit of the body, however much it would become, nor keep a
//! runtime's thread from others for long.

use std::io::{self, Read as _};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use landfall_protocol::problem::Code;

use super::coding::Coding;
use super::error::{ApiError, internal};

/// The largest window that is taken, as a power of two: 8 MiB (RFC 9659, section 3).
const WINDOW_LOG_MAX: u32 = 23;
/// What is larger is unpacked beside the runtime. What is not becomes at most the body's limit, which
/// takes no longer than it takes to read JSON of that size.
const HERE_BYTES_MAX: usize = 16 << 10;

/// Unpacks a body to at most so many bytes.
///
/// # Errors
/// 413 for one that is longer; 400 for one that is cut short, goes on with something else, or is not
/// what it says.
pub(super) async fn unpack(
    coding: Coding,
    packed: Bytes,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    if packed.is_empty() {
        return Ok(packed);
    }
    let unpacked = if packed.len() <= HERE_BYTES_MAX {
        unpack_now(coding, &packed, max_bytes)
    } else {
        let task = tokio::task::spawn_blocking(move || unpack_now(coding, &packed, max_bytes));
        task.await.map_err(|error| {
            tracing::error!(%error, "a body was not unpacked");
            internal()
        })?
    };
    match unpacked {
        Ok(Some(bytes)) => Ok(bytes.into()),
        Ok(None) => {
            let detail = format!("The body must have at most {max_bytes} bytes when unpacked.");
            Err(ApiError::new(Code::TooLarge, detail))
        }
        Err(error) => {
            let detail = format!("The body is not whole {}: {error}.", coding.as_str());
            Err(ApiError::new(Code::Unreadable, detail))
        }
    }
}

/// Unpacks everything; gives nothing where that is too long.
fn unpack_now(coding: Coding, packed: &[u8], max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells one that is too long from one that just fits.
    let read_max = max_bytes as u64 + 1;
    match coding {
        Coding::Gzip => MultiGzDecoder::new(packed).take(read_max).read_to_end(&mut bytes)?,
        Coding::Zstd => {
            // A frame that says that it is too long may also ask for a window of that size.
            let said = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
            if said.is_some_and(|said| said >= read_max) {
                return Ok(None);
            }
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            decoder.take(read_max).read_to_end(&mut bytes)?
        }
    };
    Ok((bytes.len() <= max_bytes).then_some(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = br#"{"operations": [1, 2, 3]}"#;

    fn packed(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        }
    }

    async fn code(coding: Coding, packed: &[u8], max_bytes: usize) -> Code {
        let refused = unpack(coding, Bytes::copy_from_slice(packed), max_bytes).await.unwrap_err();
        refused.problem().code
    }

    #[tokio::test]
    async fn a_body_comes_out_as_it_went_in_up_to_its_limit() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            for text in [TEXT.to_vec(), TEXT.repeat(100_000)] {
                let body = Bytes::from(packed(coding, &text));
                assert_eq!(unpack(coding, body.clone(), text.len()).await.unwrap(), text);
                assert_eq!(code(coding, &body, text.len() - 1).await, Code::TooLarge);
            }
            assert_eq!(unpack(coding, Bytes::new(), 9).await.unwrap(), "");
            // Both formats may follow themselves.
            let twice = [packed(coding, TEXT), packed(coding, TEXT)].concat();
            assert_eq!(unpack(coding, twice.into(), 99).await.unwrap(), TEXT.repeat(2));
        }
    }

    #[tokio::test]
    async fn what_is_cut_short_or_goes_on_is_refused() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let whole = packed(coding, TEXT);
            for cut in 1..whole.len() {
                assert_eq!(code(coding, &whole[..cut], 99).await, Code::Unreadable, "{cut}");
            }
            let more = [&whole[..], b"{}"].concat();
            assert_eq!(code(coding, &more, 99).await, Code::Unreadable);
            assert_eq!(code(coding, TEXT, 99).await, Code::Unreadable);
            let large = packed(coding, &uuid_like(1 << 16));
            assert!(large.len() > HERE_BYTES_MAX);
            let cut = &large[..large.len() - 1];
            assert_eq!(code(coding, cut, 1 << 20).await, Code::Unreadable);
        }
    }

    /// Bytes that do not pack well.
    fn uuid_like(len: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[tokio::test]
    async fn a_bomb_ends_at_the_limit_and_a_window_has_one() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let bomb = packed(coding, &vec![b' '; 64 << 20]);
            assert!(bomb.len() < 1 << 17);
            assert_eq!(code(coding, &bomb, 1 << 10).await, Code::TooLarge);
            // It ends there: nobody gets to what is wrong behind the limit.
            let cut = &bomb[..bomb.len() - 1];
            assert_eq!(code(coding, cut, 1 << 10).await, Code::TooLarge);
        }
        let windowed = |log: u32| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(TEXT).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(unpack(Coding::Zstd, windowed(23).into(), 99).await.unwrap(), TEXT);
        assert_eq!(code(Coding::Zstd, &windowed(24), 99).await, Code::Unreadable);
        // One frame that says its length, and has a window to match.
        let bytes = vec![b' '; 32 << 20];
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        encoder.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
        encoder.write_all(&bytes).unwrap();
        let said = encoder.finish().unwrap();
        assert_eq!(code(Coding::Zstd, &said, 1 << 20).await, Code::TooLarge);
        assert_eq!(code(Coding::Zstd, &said, 64 << 20).await, Code::Unreadable);
    }
}
