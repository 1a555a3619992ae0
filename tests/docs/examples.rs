//! The examples in a doc comment, as words and signs.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// A doctest that runs and asserts: its tokens, less hidden lines, comments, texts and imports.
#[derive(Debug, Clone, Default)]
pub struct Example(Vec<String>);

impl Example {
    /// Whether the example names this.
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|token| token == name)
    }

    /// Whether the example calls this, hands it on as a path, or implements it.
    pub fn calls(&self, name: &str) -> bool {
        self.spots(name).any(|i| {
            self.follows(i, "::")
                || self.follows(i, "fn")
                || self.0.get(i + 1).is_some_and(|t| t == "(" || t == "::")
        })
    }

    /// Whether the example calls `kind::name`.
    pub fn makes(&self, kind: &str, name: &str) -> bool {
        self.names(kind) && self.spots(name).any(|i| self.follows(i, "::"))
    }

    fn spots<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.0.len()).filter(move |&i| self.0[i] == name)
    }

    fn follows(&self, i: usize, sign: &str) -> bool {
        i > 0 && self.0[i - 1] == sign
    }
}

/// The text of an item's doc comment.
pub fn docs(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        let Meta::NameValue(doc) = &attribute.meta else { continue };
        if let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &doc.value {
            text += &line.value();
            text.push('\n');
        }
    }
    text
}

/// The examples of a doc comment.
pub fn examples(docs: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = docs.lines().map(str::trim);
    while let Some(fence) = lines.find(|line| line.starts_with("```")) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let runs = matches!(fence, "```" | "```rust" | "```should_panic");
        if runs && (fence == "```should_panic" || block.iter().any(|line| line.contains("assert")))
        {
            let shown = block.into_iter().filter(|line| *line != "#" && !line.starts_with("# "));
            found.push(Example(tokens(&shown.collect::<Vec<_>>().join("\n"))));
        }
    }
    found
}

/// Words, `::`, and other signs one by one.
fn tokens(code: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = code;
    let mut imports = false;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match c {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            '"' => text_length(rest),
            _ if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        imports |= token == "use";
        if !imports && !c.is_whitespace() && c != '"' && !token.starts_with("//") {
            found.push(token.to_string());
        }
        imports &= token != ";";
    }
    found
}

/// How long the string literal is that `code` begins with.
fn text_length(code: &str) -> usize {
    let mut escaped = false;
    for (i, c) in code.char_indices().skip(1) {
        match c {
            '"' if !escaped => return i + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    code.len()
}

#[test]
fn what_counts_as_a_call() {
    let docs = "```\nuse a::{Thing, imported};\n# hidden();\nlet t = Thing::new(); // t.told()\n\
                t.run(\"t.said()\");\nassert!([t].map(Thing::path).is_empty());\n```";
    let [example] = &examples(docs)[..] else { panic!("one example") };
    assert!(example.makes("Thing", "new") && !example.makes("Other", "new"));
    assert!(example.calls("run") && example.calls("path"));
    for name in ["imported", "hidden", "told", "said", "t"] {
        assert!(!example.calls(name), "{name}");
    }
}

#[test]
fn what_is_no_example() {
    for docs in ["```\nlet x = 1;\n```", "```text\nassert!(x)\n```", "assert!(x)"] {
        assert!(examples(docs).is_empty(), "{docs}");
    }
}
