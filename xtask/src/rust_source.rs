//! Rust text taken apart into what the checks ask about: code without comments, string
//! literals, functions, test regions and named paths.
//!
//! It works on tokens and not on the grammar, so it also sees what stands inside macros. It
//! judges nothing and expands nothing.

use std::ops::Range;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

mod named_path;

pub use named_path::NamedPath;

/// A string literal as written, quotes included.
#[derive(Debug, PartialEq, Eq)]
pub struct StringLiteral {
    /// Where it starts, in bytes from the start of the file.
    pub offset: usize,
    /// The literal with its quotes.
    pub text: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of the word `fn`, from 1.
    pub line: usize,
    /// The lines between its braces.
    pub body_lines: usize,
}

/// One file of Rust, read once.
#[derive(Debug)]
pub struct RustSource {
    /// The text with comments and quoted literals replaced by spaces; offsets are unchanged.
    pub code: String,
    /// Every string literal, doc comments excluded.
    pub strings: Vec<StringLiteral>,
    /// Every function with a body, nested ones and those in macro calls included.
    pub functions: Vec<Function>,
    /// Every path such as `a::b`, `use` trees written out.
    pub paths: Vec<NamedPath>,
    tests: Vec<Range<usize>>,
    line_starts: Vec<usize>,
}

impl RustSource {
    /// Reads Rust text. The error says what the lexer could not read.
    pub fn read(text: &str) -> Result<Self, String> {
        let tokens = TokenStream::from_str(text).map_err(|error| error.to_string())?;
        let mut source = Self {
            code: String::new(),
            strings: Vec::new(),
            functions: Vec::new(),
            paths: named_path::collect(&level(tokens.clone(), text)),
            tests: Vec::new(),
            line_starts: line_starts(text),
        };
        let mut code: Vec<u8> =
            text.bytes().map(|byte| if byte == b'\n' { byte } else { b' ' }).collect();
        source.visit(&level(tokens, text), text, &mut code);
        source.code = String::from_utf8(code).expect("whole tokens were copied onto spaces");
        Ok(source)
    }

    /// Tells the line, from 1, of a byte offset.
    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Tells whether a byte offset lies in code that only tests are built with.
    pub fn is_test_code(&self, offset: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&offset))
    }

    fn visit(&mut self, tokens: &[TokenTree], text: &str, code: &mut [u8]) {
        for (at, token) in tokens.iter().enumerate() {
            self.functions.extend(function_at(tokens, at));
            self.tests.extend(test_region_at(tokens, at, text.len()));
            match token {
                TokenTree::Group(group) => {
                    copy(text, code, group.span_open());
                    copy(text, code, group.span_close());
                    self.visit(&level(group.stream(), text), text, code);
                }
                TokenTree::Literal(literal) => {
                    let range = literal.span().byte_range();
                    let written = &text[range.clone()];
                    if written.contains('"') {
                        let text = written.to_owned();
                        self.strings.push(StringLiteral { offset: range.start, text });
                    } else if !written.contains('\'') {
                        copy(text, code, literal.span());
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => copy(text, code, token.span()),
            }
        }
    }
}

/// Gives the tokens of one nesting level without doc comments, which the lexer turns into
/// attributes that all carry the place of the comment.
fn level(stream: TokenStream, text: &str) -> Vec<TokenTree> {
    let is_comment = |span: Span| {
        let written = &text[span.byte_range()];
        written.starts_with("//") || written.starts_with("/*")
    };
    stream.into_iter().filter(|token| !is_comment(token.span())).collect()
}

fn copy(text: &str, code: &mut [u8], span: Span) {
    let range = span.byte_range();
    code[range.clone()].copy_from_slice(&text.as_bytes()[range]);
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn function_at(tokens: &[TokenTree], at: usize) -> Option<Function> {
    let [TokenTree::Ident(keyword), TokenTree::Ident(name), rest @ ..] = &tokens[at..] else {
        return None;
    };
    if keyword != "fn" {
        return None;
    }
    let body = body_of(rest)?;
    let lines = body.span_close().start().line - body.span_open().start().line;
    Some(Function {
        name: name.to_string(),
        line: keyword.span().start().line,
        body_lines: lines.saturating_sub(1),
    })
}

/// Finds the braces that end an item, or nothing when a semicolon ends it.
fn body_of(tokens: &[TokenTree]) -> Option<&Group> {
    tokens.iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
        TokenTree::Punct(punct) if punct.as_char() == ';' => Some(None),
        _ => None,
    })?
}

fn test_region_at(tokens: &[TokenTree], at: usize, end: usize) -> Option<Range<usize>> {
    let TokenTree::Punct(hash) = &tokens[at] else { return None };
    if hash.as_char() != '#' {
        return None;
    }
    match &tokens[at + 1..] {
        [TokenTree::Punct(_), TokenTree::Group(attribute), ..] if marks_test(attribute) => {
            Some(0..end)
        }
        [TokenTree::Group(attribute), rest @ ..] if marks_test(attribute) => {
            let end = body_of(rest).map(|body| body.span_close().byte_range().end);
            Some(hash.span().byte_range().start..end.unwrap_or(attribute.span().byte_range().end))
        }
        _ => None,
    }
}

/// Recognises `test`, `tokio::test`, `cfg(test)` and `cfg(all(test, ..))`.
fn marks_test(attribute: &Group) -> bool {
    let mut flat = attribute.stream().to_string();
    flat.retain(|character| !character.is_whitespace());
    let path = flat.split('(').next().unwrap_or_default();
    path == "test"
        || path.ends_with("::test")
        || flat.starts_with("cfg(test)")
        || flat.starts_with("cfg(all(test,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RustSource {
        RustSource::read(text).expect("the fixture is Rust")
    }

    #[test]
    fn keeps_code_and_drops_comments_and_quotes() {
        let text = "//! a::b\n/// c\nfn f() { g(\"x::y\", 'z', 1); } // é d\n";
        let source = read(text);
        assert_eq!(source.code.trim(), "fn f() { g(      ,    , 1); }");
        assert_eq!(source.code.find("fn"), text.find("fn"));
        assert_eq!(source.strings.len(), 1);
        assert_eq!(source.strings[0].text, "\"x::y\"");
    }

    #[test]
    fn counts_the_lines_of_functions_in_macros_too() {
        let source = read("trait T { fn a(); }\nm! {\n fn b() {\n  fn c() {}\n }\n}\n");
        let seen: Vec<_> =
            source.functions.iter().map(|f| (f.name.as_str(), f.line, f.body_lines)).collect();
        assert_eq!(seen, [("b", 3, 1), ("c", 4, 0)]);
    }

    #[test]
    fn a_brace_in_a_string_ends_nothing() {
        let source = read("fn a() {\n \"}\";\n '}';\n // }\n}\n");
        assert_eq!(source.functions[0].body_lines, 3);
    }

    #[test]
    fn knows_code_that_only_tests_build() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}\n#[tokio::test(x)]\nasync fn d() { e }\n#[cfg(not(test))]\nfn f() {}";
        let source = read(text);
        let in_test = |needle: &str| source.is_test_code(text.find(needle).expect("in the text"));
        assert!(in_test("fn b") && in_test("e }"));
        assert!(!in_test("fn a") && !in_test("fn c") && !in_test("fn f"));
    }

    #[test]
    fn counts_lines_from_one() {
        let source = read("a\nb\n");
        assert_eq!((source.line_of(0), source.line_of(2)), (1, 2));
    }
}
