//! Merging two edits of one text, by words.
//!
//! The three texts are cut into tokens, each edit is compared with the base, and the stretches
//! that are not the same in all three are settled one by one. Every step is specified to the last
//! choice (`docs/protocol.md`), since other languages have to come to the same text.

mod diff;
mod tokens;

use super::Overlap;
use diff::partners;
use tokens::{is_space, tokens};

/// A text that came out of two.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Woven {
    pub text: String,
    /// Stretches that both edits changed in ways that differ.
    pub overlaps: usize,
}

/// A stretch of the three texts, as tokens.
struct Stretch<'t, 'a> {
    base: &'t [&'a str],
    server: &'t [&'a str],
    client: &'t [&'a str],
    /// Whether it is all of the texts.
    is_all: bool,
}

pub(super) fn weave(base: &str, server: &str, client: &str, overlap: Overlap) -> Woven {
    let [base, server, client] = [base, server, client].map(tokens);
    let (in_server, in_client) = (partners(&base, &server), partners(&base, &client));
    let mut woven = Woven { text: String::new(), overlaps: 0 };
    let (mut b, mut s, mut c) = (0, 0, 0);
    let stable = (0..base.len()).filter_map(|at| Some((at, in_server[at]?, in_client[at]?)));
    for (next_b, next_s, next_c) in stable {
        woven.settle(
            &Stretch {
                base: &base[b..next_b],
                server: &server[s..next_s],
                client: &client[c..next_c],
                is_all: false,
            },
            overlap,
        );
        woven.text.push_str(base[next_b]);
        (b, s, c) = (next_b + 1, next_s + 1, next_c + 1);
    }
    let is_all = (b, s, c) == (0, 0, 0);
    woven.settle(
        &Stretch { base: &base[b..], server: &server[s..], client: &client[c..], is_all },
        overlap,
    );
    woven
}

impl Woven {
    fn settle(&mut self, stretch: &Stretch<'_, '_>, overlap: Overlap) {
        let Stretch { base, server, client, .. } = *stretch;
        if server == client || client == base {
            return self.text.extend(server.iter().copied());
        }
        if server == base {
            return self.text.extend(client.iter().copied());
        }
        // Where nothing was removed, who has all that the other has lost nothing to it.
        if base.is_empty() && holds(server, client) {
            return self.text.extend(server.iter().copied());
        }
        if base.is_empty() && holds(client, server) {
            return self.text.extend(client.iter().copied());
        }
        self.overlaps += 1;
        self.text.extend(server.iter().copied());
        if overlap == Overlap::Both {
            self.text.push_str(stretch.between());
            self.text.extend(client.iter().copied());
        }
    }
}

impl Stretch<'_, '_> {
    /// What stands between the server's words and the device's.
    fn between(&self) -> &'static str {
        let (before, after) = (self.server.last(), self.client.first());
        let is_apart = before.is_none_or(|token| token.ends_with(is_space))
            || after.is_none_or(|token| token.starts_with(is_space));
        if is_apart {
            return "";
        }
        let has_lines = |tokens: &[&str]| tokens.contains(&"\n");
        if self.is_all || has_lines(self.server) || has_lines(self.client) { "\n" } else { " " }
    }
}

/// Says whether one list has the other in it, in one piece.
fn holds(tokens: &[&str], piece: &[&str]) -> bool {
    piece.is_empty() || tokens.windows(piece.len()).any(|window| window == piece)
}
