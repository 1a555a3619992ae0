//! What a user can name, and which of it an example shows.

use crate::examples::{Example, docs, examples};
use crate::modules::{Module, is_out, is_public};
use proc_macro2::Span;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use syn::{
    Attribute, Ident, ImplItem, Item as Source, Signature, TraitItem, Type, UseTree, Visibility,
};

/// A public item.
pub struct Item {
    pub name: String,
    pub file: PathBuf,
    pub line: usize,
    pub covered: bool,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.name)
    }
}

/// All public items of a crate.
pub fn of(root: &Module) -> Vec<Item> {
    let mut reached = Reached { root, seen: HashSet::new(), items: Vec::new() };
    reached.module(root);
    let modules = root.all();
    let any: Vec<Example> = modules.iter().flat_map(|module| all_examples(module)).collect();
    let mut found = Vec::new();
    for Shown { declared, shown, source } in &reached.items {
        Page::of(root, declared, shown, source, &any).items(source, &mut found);
    }
    found
}

/// Every example in a module's file, those of private items too.
fn all_examples(module: &Module) -> Vec<Example> {
    let mut found = examples(&module.docs);
    for source in &module.items {
        if let Some((_, attributes, _)) = head(source) {
            found.extend(examples(&docs(attributes)));
        }
        match source {
            Source::Impl(block) => {
                found.extend(examples(&docs(&block.attrs)));
                for item in &block.items {
                    if let ImplItem::Fn(method) = item {
                        found.extend(examples(&docs(&method.attrs)));
                    }
                }
            }
            Source::Trait(block) => {
                for item in &block.items {
                    if let TraitItem::Fn(method) = item {
                        found.extend(examples(&docs(&method.attrs)));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// The name, docs and visibility of an item that has a page or a line of its own.
fn head(source: &Source) -> Option<(&Ident, &[Attribute], &Visibility)> {
    match source {
        Source::Struct(x) => Some((&x.ident, &x.attrs, &x.vis)),
        Source::Enum(x) => Some((&x.ident, &x.attrs, &x.vis)),
        Source::Trait(x) => Some((&x.ident, &x.attrs, &x.vis)),
        Source::Type(x) => Some((&x.ident, &x.attrs, &x.vis)),
        Source::Fn(x) => Some((&x.sig.ident, &x.attrs, &x.vis)),
        Source::Const(x) => Some((&x.ident, &x.attrs, &x.vis)),
        _ => None,
    }
}

/// An item, the module that it is declared in, and the one that shows it.
struct Shown<'a> {
    declared: &'a Module,
    shown: &'a Module,
    source: &'a Source,
}

/// The walk from the root through public modules and re-exports.
struct Reached<'a> {
    root: &'a Module,
    seen: HashSet<*const Source>,
    items: Vec<Shown<'a>>,
}

impl<'a> Reached<'a> {
    fn module(&mut self, module: &'a Module) {
        // Modules first: an item belongs where it lives, if that is public, not where it is listed once more.
        for child in module.children.iter().filter(|child| child.public) {
            self.module(child);
        }
        self.names(module, module, None);
    }

    /// The public items of a module, all or those of one name, as another module shows them.
    fn names(&mut self, module: &'a Module, shown: &'a Module, name: Option<&str>) {
        for source in &module.items {
            if let Source::Use(import) = source {
                if is_public(&import.vis) {
                    self.import(module, shown, &import.tree, name);
                }
                continue;
            }
            let Some((ident, attributes, visibility)) = head(source) else { continue };
            let wanted = name.is_none_or(|name| ident == name);
            if wanted && is_public(visibility) && !is_out(attributes) && self.seen.insert(source) {
                self.items.push(Shown { declared: module, shown, source });
            }
        }
    }

    fn import(&mut self, from: &'a Module, shown: &'a Module, tree: &UseTree, name: Option<&str>) {
        match tree {
            UseTree::Path(path) => {
                let next = match path.ident.to_string().as_str() {
                    "crate" => Some(self.root),
                    "self" => Some(from),
                    child => from.child(child),
                };
                if let Some(next) = next {
                    self.import(next, shown, &path.tree, name);
                }
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(from, shown, tree, name));
            }
            UseTree::Glob(_) => self.names(from, shown, name),
            UseTree::Name(one) if name.is_none_or(|name| one.ident == name) => {
                self.names(from, shown, Some(&one.ident.to_string()));
            }
            UseTree::Rename(one) if name.is_none_or(|name| one.rename == name) => {
                self.names(from, shown, Some(&one.ident.to_string()));
            }
            _ => {}
        }
    }
}

/// What rustdoc shows on an item's page: its docs, those of its methods, and the module's.
struct Page<'a> {
    declared: &'a Module,
    /// Inherent methods, with the file that each is in.
    methods: Vec<(&'a Module, &'a [Attribute], &'a Signature)>,
    own: Vec<Example>,
    module: Vec<Example>,
    any: &'a [Example],
}

impl<'a> Page<'a> {
    fn of(
        root: &'a Module,
        declared: &'a Module,
        shown: &'a Module,
        source: &'a Source,
        any: &'a [Example],
    ) -> Self {
        let module = examples(&shown.docs);
        let mut page = Self { declared, methods: Vec::new(), own: Vec::new(), module, any };
        let Some((name, attributes, _)) = head(source) else { return page };
        page.own = examples(&docs(attributes));
        if let Source::Trait(block) = source {
            for item in &block.items {
                if let TraitItem::Fn(method) = item {
                    page.own.extend(examples(&docs(&method.attrs)));
                }
            }
        }
        for module in root.all() {
            for item in &module.items {
                let Source::Impl(block) = item else { continue };
                if block.trait_.is_some() || !page.is_of(module, &block.self_ty, name) {
                    continue;
                }
                page.own.extend(examples(&docs(&block.attrs)));
                for item in &block.items {
                    let ImplItem::Fn(method) = item else { continue };
                    page.own.extend(examples(&docs(&method.attrs)));
                    if is_public(&method.vis) && !is_out(&method.attrs) {
                        page.methods.push((module, &method.attrs, &method.sig));
                    }
                }
            }
        }
        page
    }

    /// Whether an impl in `module` is of this page's type: two types of one name are told apart by their modules.
    fn is_of(&self, module: &Module, kind: &Type, name: &Ident) -> bool {
        let Type::Path(path) = kind else { return false };
        if path.path.segments.last().is_none_or(|last| last.ident != *name) {
            return false;
        }
        let declares = |module: &Module| {
            module.items.iter().any(|item| {
                !matches!(item, Source::Fn(_))
                    && head(item).is_some_and(|(ident, ..)| ident == name)
            })
        };
        std::ptr::eq(module, self.declared) || !declares(module)
    }

    fn items(&self, source: &Source, found: &mut Vec<Item>) {
        let Some((name, attributes, _)) = head(source) else { return };
        let own = !examples(&docs(attributes)).is_empty();
        let text = name.to_string();
        let shown = own
            || self.module.iter().any(|example| match source {
                Source::Fn(_) => example.calls(&text),
                _ => example.names(&text),
            });
        found.push(item(name.to_string(), self.declared, name.span(), shown));
        for (module, attributes, signature) in &self.methods {
            let covered = !examples(&docs(attributes)).is_empty() || self.shows(name, signature);
            let path = format!("{name}::{}", signature.ident);
            found.push(item(path, module, signature.ident.span(), covered));
        }
        let Source::Trait(block) = source else { return };
        for method in &block.items {
            let TraitItem::Fn(method) = method else { continue };
            if is_out(&method.attrs) {
                continue;
            }
            let called = |example: &Example| example.calls(&method.sig.ident.to_string());
            let covered = !examples(&docs(&method.attrs)).is_empty()
                || self.own.iter().chain(&self.module).any(called)
                || (method.default.is_none() && self.any.iter().any(called));
            let path = format!("{name}::{}", method.sig.ident);
            found.push(item(path, self.declared, method.sig.ident.span(), covered));
        }
    }

    /// Whether the page has an example that calls the method.
    fn shows(&self, kind: &Ident, method: &Signature) -> bool {
        let name = method.ident.to_string();
        let kind = kind.to_string();
        self.own.iter().chain(&self.module).any(|example| match method.receiver() {
            Some(_) => example.calls(&name),
            None => example.makes(&kind, &name),
        })
    }
}

fn item(name: String, module: &Module, span: Span, covered: bool) -> Item {
    Item { name, file: module.file.clone(), line: span.start().line, covered }
}
