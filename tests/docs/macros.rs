//! Items that a `macro_rules!` of the crate makes, as far as this crate's macros go: one rule, which is either one
//! repetition or none, over fragments that end at the next sign of the pattern.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::HashMap;

type Bindings = HashMap<String, Vec<TokenTree>>;

/// The first rule of a macro: its pattern and its body.
#[derive(Debug, Clone)]
pub struct Macro {
    pattern: Vec<TokenTree>,
    body: Vec<TokenTree>,
}

impl Macro {
    /// Of the tokens between the braces of `macro_rules!`.
    pub fn of(tokens: &TokenStream) -> Option<Self> {
        let mut groups = tokens.clone().into_iter().filter_map(|token| match token {
            TokenTree::Group(group) => Some(list(&group)),
            _ => None,
        });
        Some(Self { pattern: groups.next()?, body: groups.next()? })
    }

    /// Whether it makes anything that a user may see.
    pub fn is_public(&self) -> bool {
        self.body.iter().cloned().collect::<TokenStream>().to_string().contains("pub ")
    }

    /// What a call of the macro is replaced by.
    pub fn expand(&self, input: &TokenStream) -> TokenStream {
        let input: Vec<TokenTree> = input.clone().into_iter().collect();
        let Some(pattern) = repeated(&self.pattern) else {
            return transcribe(&self.body, &[bind(&self.pattern, &input)]);
        };
        let end = match pattern.last() {
            Some(token) if is(token, ';') => ';',
            _ => ',',
        };
        let pieces = input.split(|token| is(token, end)).filter(|piece| !piece.is_empty());
        let bound: Vec<Bindings> = pieces.map(|piece| bind(&pattern, piece)).collect();
        transcribe(&self.body, &bound)
    }
}

fn list(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// The inside of `$(..)`, if the tokens begin with that.
fn repeated(tokens: &[TokenTree]) -> Option<Vec<TokenTree>> {
    match tokens {
        [dollar, TokenTree::Group(group), ..]
            if is(dollar, '$') && group.delimiter() == Delimiter::Parenthesis =>
        {
            Some(list(group))
        }
        _ => None,
    }
}

/// What each `$name:fragment` of the pattern stands for in the input.
fn bind(mut pattern: &[TokenTree], mut input: &[TokenTree]) -> Bindings {
    let mut bound = Bindings::new();
    while let Some(token) = pattern.first() {
        if repeated(pattern).is_some() {
            // The attributes in front.
            let mut attributes = 0;
            while input.get(attributes).is_some_and(|token| is(token, '#')) {
                attributes += 2;
            }
            bound.insert("doc".into(), input[..attributes].to_vec());
            (pattern, input) = (&pattern[3..], &input[attributes..]);
        } else if is(token, '$') {
            let fragment = pattern[3].to_string();
            let length = match fragment.as_str() {
                "ident" | "literal" | "tt" => 1,
                _ => match pattern.get(4) {
                    Some(TokenTree::Punct(end)) => input
                        .iter()
                        .position(|token| is(token, end.as_char()))
                        .unwrap_or(input.len()),
                    _ => input.len(),
                },
            };
            let (value, rest) = input.split_at(length.min(input.len()));
            bound.insert(pattern[1].to_string(), value.to_vec());
            (pattern, input) = (&pattern[4..], rest);
        } else {
            (pattern, input) = (&pattern[1..], input.get(1..).unwrap_or_default());
        }
    }
    bound
}

/// The body with every `$name` replaced, `$(..)*` once for each of the bindings.
fn transcribe(body: &[TokenTree], bound: &[Bindings]) -> TokenStream {
    let mut out = TokenStream::new();
    let mut rest = body;
    while let Some(token) = rest.first() {
        let mut taken = 1;
        if let Some(inner) = repeated(rest) {
            if inner.len() == 2 && is(&inner[0], '#') {
                out.extend(bound.iter().flat_map(|names| names["doc"].clone()));
            } else {
                out.extend(
                    bound.iter().map(|names| transcribe(&inner, std::slice::from_ref(names))),
                );
            }
            taken = 2 + rest[2..].iter().position(|t| is(t, '*')).map_or(0, |star| star + 1);
        } else if is(token, '$') {
            let name = rest[1].to_string();
            out.extend(
                bound.first().and_then(|names| names.get(&name)).cloned().unwrap_or_default(),
            );
            taken = 2;
        } else if let TokenTree::Group(group) = token {
            let mut inside = Group::new(group.delimiter(), transcribe(&list(group), bound));
            inside.set_span(group.span());
            out.extend([TokenTree::from(inside)]);
        } else {
            out.extend([token.clone()]);
        }
        rest = &rest[taken..];
    }
    out
}
