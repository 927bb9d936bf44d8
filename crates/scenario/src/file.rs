//! Reads files as text, and says what to do about one that cannot be read.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use crate::FileError;
use crate::format::FileFormat;
use crate::words::nearest;

/// The text of a file, its name without folder and ending, and its folder.
pub(crate) struct NamedText<'p> {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) folder: &'p Path,
}

/// Reads a file of this format.
pub(crate) fn read_file<'p>(
    format: &FileFormat,
    path: &'p Path,
) -> Result<NamedText<'p>, FileError> {
    let text = fs::read_to_string(path).map_err(|cause| unreadable(format, path, cause))?;
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(NamedText { name, text, folder: path.parent().unwrap_or(Path::new("")) })
}

fn unreadable(format: &FileFormat, path: &Path, cause: io::Error) -> FileError {
    let FileFormat { noun, init, .. } = *format;
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => match sibling(path) {
            Some(name) => format!("did you mean `{}`?", path.with_file_name(name).display()),
            None => format!("`{init} {}` writes one to start from", path.display()),
        },
        io::ErrorKind::IsADirectory => "name one of the `.toml` files in this folder".to_owned(),
        io::ErrorKind::PermissionDenied => "make it readable for you".to_owned(),
        io::ErrorKind::InvalidData => format!("a {noun} is TOML, in UTF-8"),
        _ => "check the path".to_owned(),
    };
    FileError::Read { noun, file: path.to_owned(), cause, hint }
}

/// Returns the file in the same folder whose name is most similar to that of a missing one.
fn sibling(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension() == Some(OsStr::new("toml")))
        .collect();
    let wanted = path.file_name()?.to_str()?;
    nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Returns the path from the root of the file system, so that it means the same in any folder.
pub(crate) fn full_path(path: &Path) -> PathBuf {
    // An empty path is the folder in which the program runs.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let full = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    full.unwrap_or_else(|_| path.to_owned())
}

/// Returns the path of a file from a folder. Both are full paths. A file that has only the root in
/// common with the folder keeps its full path.
pub(crate) fn path_from(folder: &Path, path: &Path) -> PathBuf {
    let pairs = folder.components().zip(path.components());
    let common = pairs.take_while(|(one, other)| one == other).count();
    if common < 2 {
        return path.to_owned();
    }
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_a_folder_leads_up_and_down_again() {
        let from = |folder, path| path_from(Path::new(folder), Path::new(path));
        assert_eq!(from("/w/results/x", "/w/targets/a.toml"), Path::new("../../targets/a.toml"));
        assert_eq!(from("/w", "/w/a.toml"), Path::new("a.toml"));
        assert_eq!(from("/tmp/x", "/w/a.toml"), Path::new("/w/a.toml"));
    }
}
