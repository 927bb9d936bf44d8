//! The imports between the files of a crate, and the circles that they tie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Visibility};

use crate::module_tree::{Modules, ReadFile, Used, is_for_tests, modules_of, used_by};

/// For each file the files that it imports from, with the names that it takes.
///
/// - A name that a module re-exports counts as an import of the file that defines it.
/// - Declaring and re-exporting modules is no import.
/// - What a macro expands to is not seen.
#[derive(Debug, Default)]
pub(crate) struct Imports(BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>);

impl Imports {
    /// Reads the imports of the crate whose root is at `root`.
    pub(crate) fn of_crate(root: &Path, read: ReadFile<'_>) -> Self {
        let modules = modules_of(root, read);
        let mut imports = Self::default();
        for (path, module) in &modules {
            let mut finder = Finder { modules: &modules, module: path, names: BTreeMap::new() };
            for item in &module.items {
                finder.add_names_of(item);
            }
            let mut found = FoundPaths::default();
            for item in &module.items {
                found.visit_item(item);
            }
            let names = finder.names.values().filter(|name| name.is_used_by_importing);
            let names = names.map(|name| name.path.clone());
            for used in names.chain(found.0.iter().filter_map(|path| finder.absolute(path))) {
                if let Some(file) = finder.file_of(&used, 0).filter(|file| *file != module.file) {
                    let name = used.last().cloned().unwrap_or_default();
                    imports.0.entry((module.file.clone(), file)).or_default().insert(name);
                }
            }
        }
        imports
    }

    fn from<'a>(&'a self, file: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.0.keys().filter(move |(from, _)| from == file).map(|(_, to)| to)
    }

    /// Returns true if a chain of imports leads from one file to another.
    fn lead(&self, from: &Path, to: &Path) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            for imported in self.from(file) {
                if imported == to {
                    return true;
                }
                if seen.insert(imported) {
                    next.push(imported);
                }
            }
        }
        false
    }
}

/// Returns the imports that tie circles, each with the names that it takes: the imports from whose
/// target a chain of imports leads back.
pub(crate) fn circles(imports: &Imports) -> Vec<(PathBuf, PathBuf, Vec<String>)> {
    let tied = imports.0.iter().filter(|((from, to), _)| imports.lead(to, from));
    tied.map(|((from, to), names)| (from.clone(), to.clone(), names.iter().cloned().collect()))
        .collect()
}

/// Every path in a piece of code, outside of `use`.
#[derive(Default)]
struct FoundPaths(BTreeSet<Vec<String>>);

impl<'ast> Visit<'ast> for FoundPaths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.0.insert(segments.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

    /// The path in `pub(super)` or `pub(in …)` is no import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}
}

/// A name that a module has from elsewhere.
struct Name {
    /// Where it leads, from the root of the crate.
    path: Vec<String>,
    /// True for an item that a private `use` imports. A module or a re-export is used only by a
    /// path that begins with its name.
    is_used_by_importing: bool,
}

/// Finds what names mean in one module.
struct Finder<'m> {
    modules: &'m Modules,
    module: &'m [String],
    names: BTreeMap<String, Name>,
}

impl Finder<'_> {
    fn add_names_of(&mut self, item: &Item) {
        let Item::Use(item) = item else { return };
        if is_for_tests(&item.attrs) {
            return;
        }
        for Used { name, path } in used_by(&item.tree) {
            let Some(path) = self.absolute(&path) else { continue };
            let is_private = matches!(item.vis, Visibility::Inherited);
            let name = match name {
                Some(name) if name == "self" => path.last().cloned(),
                Some(name) => Some(name),
                // Whether a glob is used cannot be told: it counts.
                None => path.last().map(|name| format!("{name}::*")),
            };
            let is_used_by_importing = is_private && !self.modules.contains_key(&path);
            let name = name.unwrap_or_default();
            self.names.insert(name, Name { path, is_used_by_importing });
        }
    }

    /// Returns a path of this module from the root of the crate. `None` for a path into another
    /// crate, and for a name that the module itself defines.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.to_vec(),
            "super" => {
                let parent = self.module.split_last()?.1.to_vec();
                let above = Finder { module: &parent, names: BTreeMap::new(), ..*self };
                return match rest.first() {
                    Some(next) if next == "super" => above.absolute(rest),
                    _ => Some([parent.as_slice(), rest].concat()),
                };
            }
            name => {
                let child = [self.module, &[name.to_owned()]].concat();
                let known = self.names.get(name).map(|name| name.path.clone());
                known.or_else(|| self.modules.contains_key(&child).then_some(child))?
            }
        };
        Some([start.as_slice(), rest].concat())
    }

    /// Returns the file that defines what a path leads to. `None` for what another crate defines.
    fn file_of(&self, path: &[String], depth: usize) -> Option<PathBuf> {
        assert!(depth < 20, "the re-export of {path:?} does not end");
        let mut module = Vec::new();
        for (index, segment) in path.iter().enumerate() {
            let child = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.modules.contains_key(&child) {
                module = child;
                continue;
            }
            let rest = &path[index + 1..];
            let here = Finder { module: &module, names: BTreeMap::new(), modules: self.modules };
            let parent = &self.modules[&module];
            if let Some(target) = parent.exports.get(segment) {
                let target = here.absolute(target)?;
                return self.file_of(&[target.as_slice(), rest].concat(), depth + 1);
            }
            break;
        }
        Some(self.modules[&module].file.clone())
    }
}
