//! A crate as a tree of modules, with its macros expanded.

use crate::examples::docs;
use crate::macros::Macro;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, ImplItem, Item, ItemImpl, Visibility};

/// A module: what is in its file or braces.
pub struct Module {
    pub name: String,
    pub file: PathBuf,
    pub public: bool,
    pub docs: String,
    pub items: Vec<Item>,
    pub children: Vec<Module>,
}

/// Whether a user may name it.
pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether it is for tests, or hidden.
pub fn is_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let says = |word: &str| {
            attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == word)
        };
        (attribute.path().is_ident("cfg") && says("test"))
            || (attribute.path().is_ident("doc") && says("hidden"))
    })
}

impl Module {
    /// The crate whose root is this file.
    pub fn root(file: &Path) -> Self {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut root = Self::of_file("crate".into(), true, file, &folder);
        let mut macros = HashMap::new();
        root.find_macros(&mut macros);
        root.expand(&macros);
        root
    }

    fn of_file(name: String, public: bool, file: &Path, folder: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        Self::of_items(name, public, docs(&parsed.attrs), file, folder, parsed.items)
    }

    fn of_items(
        name: String,
        public: bool,
        docs: String,
        file: &Path,
        folder: &Path,
        mut items: Vec<Item>,
    ) -> Self {
        let mut children = Vec::new();
        items.retain(|item| !matches!(item, Item::Mod(module) if is_out(&module.attrs)));
        for item in &mut items {
            let Item::Mod(module) = item else { continue };
            let (name, public) = (module.ident.to_string(), is_public(&module.vis));
            let (inside, above) = (folder.join(&name), crate::examples::docs(&module.attrs));
            let mut child = match module.content.take() {
                Some((_, items)) => {
                    Self::of_items(name, public, String::new(), file, &inside, items)
                }
                None => {
                    let beside = folder.join(format!("{name}.rs"));
                    let file = if beside.exists() { beside } else { inside.join("mod.rs") };
                    Self::of_file(name, public, &file, &inside)
                }
            };
            child.docs = above + &child.docs;
            children.push(child);
        }
        Self { name, file: file.into(), public, docs, items, children }
    }

    /// This module and all below.
    pub fn all(&self) -> Vec<&Module> {
        let below = self.children.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    pub fn child(&self, name: &str) -> Option<&Module> {
        self.children.iter().find(|child| child.name == name)
    }

    fn find_macros(&self, macros: &mut HashMap<String, Macro>) {
        macros.extend(self.macros());
        self.children.iter().for_each(|child| child.find_macros(macros));
    }

    /// The macros of this module that make something public.
    fn macros(&self) -> HashMap<String, Macro> {
        let rules = self.items.iter().filter_map(|item| match item {
            Item::Macro(rules) => {
                Some((rules.ident.as_ref()?.to_string(), Macro::of(&rules.mac.tokens)?))
            }
            _ => None,
        });
        rules.filter(|(_, rules)| rules.is_public()).collect()
    }

    /// Replaces calls of macros, in modules and in impls, by what they make.
    fn expand(&mut self, everywhere: &HashMap<String, Macro>) {
        let mut macros = everywhere.clone();
        macros.extend(self.macros());
        let find = |call: &syn::Macro| macros.get(&call.path.segments.last()?.ident.to_string());
        let mut made = Vec::new();
        for item in &mut self.items {
            match item {
                Item::Macro(call) if call.ident.is_none() => {
                    let Some(rules) = find(&call.mac) else { continue };
                    let tokens = rules.expand(&call.mac.tokens);
                    let file: syn::File = syn::parse2(tokens)
                        .unwrap_or_else(|e| panic!("a macro of {}: {e}", self.file.display()));
                    made.extend(file.items);
                }
                Item::Impl(block) => {
                    for i in 0..block.items.len() {
                        let ImplItem::Macro(call) = &block.items[i] else { continue };
                        let Some(rules) = find(&call.mac) else { continue };
                        let inside = rules.expand(&call.mac.tokens);
                        let whole = format!("impl Made {{ {inside} }}");
                        let whole: ItemImpl = syn::parse_str(&whole)
                            .unwrap_or_else(|e| panic!("a macro of {}: {e}", self.file.display()));
                        block.items.extend(whole.items);
                    }
                }
                _ => {}
            }
        }
        self.items.extend(made);
        self.children.iter_mut().for_each(|child| child.expand(everywhere));
    }
}
