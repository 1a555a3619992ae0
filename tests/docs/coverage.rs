//! What a user can name, and which of it an example shows.

use crate::examples::{Example, docs, examples};
use crate::modules::{Module, is_out, is_public};
use proc_macro2::Span;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use syn::{
    Attribute, FnArg, Ident, ImplItem, Item as Source, Signature, TraitItem, Type, UseTree,
    Visibility,
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
    let pages: Vec<Page> = reached.items.iter().map(|shown| Page::of(root, shown)).collect();
    let any: Vec<&Example> = pages.iter().flat_map(Page::examples).collect();
    let mut found = Vec::new();
    pages.iter().for_each(|page| page.items(&any, &mut found));
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

/// What rustdoc shows on an item's page, and the module's examples.
struct Page<'a> {
    declared: &'a Module,
    source: &'a Source,
    /// Inherent methods, with the module that each is in.
    methods: Vec<(&'a Module, &'a [Attribute], &'a Signature)>,
    /// Of the item, its impls and its methods.
    own: Vec<Example>,
    module: Vec<Example>,
}

impl<'a> Page<'a> {
    fn of(root: &'a Module, &Shown { declared, shown, source }: &Shown<'a>) -> Self {
        let module = examples(&shown.docs);
        let mut page = Self { declared, source, methods: Vec::new(), own: Vec::new(), module };
        let Some((name, attributes, _)) = head(source) else { return page };
        page.add(attributes);
        if let Source::Trait(block) = source {
            for item in &block.items {
                if let TraitItem::Fn(method) = item {
                    page.add(&method.attrs);
                }
            }
        }
        for module in root.all() {
            for item in &module.items {
                let Source::Impl(block) = item else { continue };
                if block.trait_.is_some() || !page.is_of(module, &block.self_ty, name) {
                    continue;
                }
                page.add(&block.attrs);
                for item in &block.items {
                    let ImplItem::Fn(method) = item else { continue };
                    if is_public(&method.vis) && !is_out(&method.attrs) {
                        page.add(&method.attrs);
                        page.methods.push((module, &method.attrs, &method.sig));
                    }
                }
            }
        }
        page
    }

    fn add(&mut self, attributes: &[Attribute]) {
        self.own.extend(examples(&docs(attributes)));
    }

    fn examples(&self) -> impl Iterator<Item = &Example> {
        self.own.iter().chain(&self.module)
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

    /// The item itself and its methods; `any` are the examples of all pages.
    fn items(&self, any: &[&Example], found: &mut Vec<Item>) {
        let Some((name, attributes, _)) = head(self.source) else { return };
        let mut add = |path: &str, module: &Module, (span, attributes): (Span, _), shown: bool| {
            let covered = shown || !examples(&docs(attributes)).is_empty();
            let (name, file, line) = (path.to_owned(), module.file.clone(), span.start().line);
            found.push(Item { name, file, line, covered });
        };
        let kind = name.to_string();
        let shown = self.module.iter().any(|example| match self.source {
            Source::Fn(_) => example.calls(&kind),
            _ => example.names(&kind),
        });
        add(&kind, self.declared, (name.span(), attributes), shown);
        for (module, attributes, Signature { ident, inputs, .. }) in &self.methods {
            let method = ident.to_string();
            let shown = self.examples().any(|example| match inputs.first() {
                Some(FnArg::Receiver(_)) => example.calls(&method),
                _ => example.makes(&kind, &method),
            });
            add(&format!("{kind}::{method}"), module, (ident.span(), attributes), shown);
        }
        let Source::Trait(block) = self.source else { return };
        for item in &block.items {
            let TraitItem::Fn(method) = item else { continue };
            if is_out(&method.attrs) {
                continue;
            }
            let ident = &method.sig.ident;
            let called = |example: &Example| example.calls(&ident.to_string());
            let shown = self.examples().any(called)
                || (method.default.is_none() && any.iter().any(|example| called(example)));
            add(&format!("{kind}::{ident}"), self.declared, (ident.span(), &method.attrs), shown);
        }
    }
}
