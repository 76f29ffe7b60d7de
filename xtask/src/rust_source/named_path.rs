//! Every path a file names, with `use` trees written out: `a::{b, c::d}` is `a::b` and `a::c::d`.
//!
//! Paths are kept as written; [`NamedPath::resolve`] turns `super` and `self` into `crate`. It
//! never follows re-exports.

use proc_macro2::{Delimiter, TokenTree};

/// A path as written at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// Its names, such as `crate`, `http`, `Router`.
    pub segments: Vec<String>,
    /// The line of its last name, from 1.
    pub line: usize,
    /// Where its last name starts, in bytes from the start of the file.
    pub offset: usize,
    /// The `mod name { .. }` blocks of this file around it, outermost first.
    inline_modules: Vec<String>,
}

impl NamedPath {
    /// Tells whether the names of `wanted`, such as `time::sleep`, stand in a row in the path.
    pub fn contains(&self, wanted: &str) -> bool {
        let wanted: Vec<&str> = wanted.split("::").collect();
        self.segments.windows(wanted.len()).any(|window| window == wanted)
    }

    /// Tells whether the path starts with the names of `wanted`.
    pub fn starts_with(&self, wanted: &str) -> bool {
        let mut names = self.segments.iter();
        wanted.split("::").all(|name| names.next().is_some_and(|segment| segment == name))
    }

    /// Writes the path from `crate`, for a file whose module is `module` (`["http", "sync"]`).
    pub fn resolve(&self, module: &[String]) -> Self {
        let mut home: Vec<String> = module.iter().chain(&self.inline_modules).cloned().collect();
        let mut names = self.segments.as_slice();
        let mut is_relative = false;
        while let [first, rest @ ..] = names {
            match first.as_str() {
                "self" => {}
                "super" => _ = home.pop(),
                _ => break,
            }
            is_relative = true;
            names = rest;
        }
        if !is_relative {
            return self.clone();
        }
        let segments =
            std::iter::once("crate".to_owned()).chain(home).chain(names.iter().cloned()).collect();
        Self { segments, ..self.clone() }
    }
}

/// Collects the paths of one nesting level and of all below it.
pub(super) fn collect(tokens: &[TokenTree]) -> Vec<NamedPath> {
    let mut collector = Collector { found: Vec::new(), modules: Vec::new() };
    collector.walk(tokens, &[]);
    collector.found
}

struct Collector {
    found: Vec<NamedPath>,
    modules: Vec<String>,
}

impl Collector {
    fn walk(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            at += match &tokens[at..] {
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                    if word == "mod" =>
                {
                    self.modules.push(name.to_string());
                    self.walk(&inside(body), &[]);
                    self.modules.pop();
                    3
                }
                [TokenTree::Ident(_), ..] => self.path(&tokens[at..], prefix),
                [TokenTree::Group(group), ..] => {
                    self.walk(&inside(group), &[]);
                    1
                }
                _ => 1,
            };
        }
    }

    /// Reads one path and tells how many tokens it took.
    fn path(&mut self, tokens: &[TokenTree], prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        let mut at = 0;
        let mut last = &tokens[0];
        while let Some(TokenTree::Ident(name)) = tokens.get(at) {
            segments.push(name.to_string());
            last = &tokens[at];
            at += 1;
            if !is_separator(&tokens[at..]) {
                break;
            }
            match tokens.get(at + 2) {
                Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                    self.walk(&inside(tree), &segments);
                    return at + 3;
                }
                Some(TokenTree::Ident(_)) => at += 2,
                _ => break,
            }
        }
        self.found.push(NamedPath {
            segments,
            line: last.span().start().line,
            offset: last.span().byte_range().start,
            inline_modules: self.modules.clone(),
        });
        at
    }
}

fn inside(group: &proc_macro2::Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' && b.as_char() == ':')
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn paths(text: &str) -> Vec<NamedPath> {
        let tokens = proc_macro2::TokenStream::from_str(text).expect("the fixture is Rust");
        collect(&tokens.into_iter().collect::<Vec<_>>())
    }

    fn has(text: &str, wanted: &str) -> bool {
        paths(text).iter().any(|path| path.segments.join("::") == wanted)
    }

    #[test]
    fn writes_use_trees_out() {
        let text = "use a::{b, c::{self, d as e}};\nfn f() { g::h::<I>(j::k); }";
        for wanted in ["a::b", "a::c::self", "a::c::d", "g::h", "j::k"] {
            assert!(has(text, wanted), "{wanted} in {:?}", paths(text));
        }
        assert!(!has(text, "a::g"));
    }

    #[test]
    fn matches_whole_names_only() {
        let path = &paths("tokio::time::sleep")[0];
        assert!(path.contains("time::sleep") && path.starts_with("tokio"));
        assert!(!path.contains("time::sle") && !path.starts_with("time"));
    }

    #[test]
    fn resolves_super_from_the_module_it_stands_in() {
        let module = ["service".to_owned(), "notify".to_owned()];
        let resolved = |text: &str| {
            let all = paths(text);
            all.last().expect("a path").resolve(&module).segments.join("::")
        };
        assert_eq!(resolved("super::super::http"), "crate::http");
        assert_eq!(resolved("mod tests { super::super::http }"), "crate::service::http");
        assert_eq!(resolved("axum::Router"), "axum::Router");
    }
}
