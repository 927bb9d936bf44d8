//! The modules of a crate: their files, their children, and the names that they re-export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// A module of a crate, by its path from the root.
pub(crate) struct Module {
    /// The file that holds the module. Inline modules share the file of their parent.
    pub(crate) file: PathBuf,
    pub(crate) items: Vec<Item>,
    /// The names that the module re-exports, with the paths that they lead to.
    pub(crate) exports: BTreeMap<String, Vec<String>>,
}

/// All modules of a crate but those of its tests.
pub(crate) type Modules = BTreeMap<Vec<String>, Module>;

/// Reads the file at a path, if there is one.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// Reads the crate whose root is at `root`.
pub(crate) fn modules_of(root: &Path, read: ReadFile<'_>) -> Modules {
    let mut modules = Modules::new();
    add_file(&mut modules, Vec::new(), root, read);
    modules
}

fn add_file(modules: &mut Modules, path: Vec<String>, file: &Path, read: ReadFile<'_>) {
    let text = read(file).unwrap_or_else(|| panic!("cannot read `{}`", file.display()));
    let parsed = syn::parse_file(&text);
    let items = parsed.unwrap_or_else(|error| panic!("`{}`: {error}", file.display())).items;
    add_module(modules, path, file, items, read);
}

fn add_module(
    modules: &mut Modules,
    path: Vec<String>,
    file: &Path,
    items: Vec<Item>,
    read: ReadFile<'_>,
) {
    let mut kept = Vec::new();
    for item in items {
        match item {
            Item::Mod(module) if is_for_tests(&module.attrs) => {}
            Item::Mod(module) => {
                let child = [path.as_slice(), &[module.ident.to_string()]].concat();
                match module.content {
                    Some((_, items)) => add_module(modules, child, file, items, read),
                    None => add_file(modules, child.clone(), &file_of(&child, file, read), read),
                }
            }
            item => kept.push(item),
        }
    }
    let mut module = Module { file: file.to_owned(), items: kept, exports: BTreeMap::new() };
    for item in &module.items {
        if let Item::Use(item) = item
            && !matches!(item.vis, Visibility::Inherited)
        {
            for Used { name, path } in used_by(&item.tree) {
                // A glob is not followed: there is none in the workspace.
                if let Some(name) = name {
                    module.exports.insert(name, path);
                }
            }
        }
    }
    modules.insert(path, module);
}

/// Returns the file of a module that is declared in `parent`.
fn file_of(path: &[String], parent: &Path, read: ReadFile<'_>) -> PathBuf {
    let folder = parent.parent().expect("a file lies in a folder");
    let stem = parent.file_stem().and_then(|stem| stem.to_str()).expect("a Rust file has a name");
    let folder = match stem {
        "lib" | "main" | "mod" => folder.to_owned(),
        stem => folder.join(stem),
    };
    let name = path.last().expect("only the root has no name");
    let flat = folder.join(format!("{name}.rs"));
    if read(&flat).is_some() { flat } else { folder.join(name).join("mod.rs") }
}

/// Returns true if an item is compiled for tests or for fuzzing only.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
        }
        _ => false,
    })
}

/// A name that a `use` brings into scope, and the path that it leads to. `None` for all names of
/// the path.
pub(crate) struct Used {
    pub(crate) name: Option<String>,
    pub(crate) path: Vec<String>,
}

/// Returns every name of a `use`.
pub(crate) fn used_by(tree: &UseTree) -> Vec<Used> {
    match tree {
        UseTree::Path(path) => {
            let mut used = used_by(&path.tree);
            for used in &mut used {
                used.path.insert(0, path.ident.to_string());
            }
            used
        }
        UseTree::Group(group) => group.items.iter().flat_map(used_by).collect(),
        UseTree::Glob(_) => vec![Used { name: None, path: Vec::new() }],
        UseTree::Name(name) if name.ident == "self" => {
            vec![Used { name: Some("self".to_owned()), path: Vec::new() }]
        }
        UseTree::Name(name) => vec![one(name.ident.to_string(), name.ident.to_string())],
        UseTree::Rename(rename) => vec![one(rename.rename.to_string(), rename.ident.to_string())],
    }
}

fn one(name: String, segment: String) -> Used {
    Used { name: Some(name), path: vec![segment] }
}
