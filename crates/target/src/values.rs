//! What stands in place of the placeholders of a target file, and which of it is secret.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{Template, UnknownPlaceholder};

/// What the name of a variable of the environment begins with.
const ENVIRONMENT: &str = "env:";

/// What a secret is replaced by in a message.
const BLANKED: &str = "…";

/// Returns the value of a placeholder that is known only where it is used.
pub(crate) type Further<'f, 'v> = &'f dyn Fn(&str) -> Option<Cow<'v, str>>;

/// The values of placeholders. Those of the environment are secret: no message shows them.
#[derive(Clone, Default)]
pub(crate) struct PlaceholderValues {
    known: Vec<(&'static str, String)>,
    /// The variables of the environment that the templates name, with `env:` before their names.
    secret: Vec<(String, String)>,
}

impl PlaceholderValues {
    /// Returns the variables of the environment that these templates name, as far as they are set.
    pub(crate) fn of_environment<'t>(templates: impl Iterator<Item = &'t Template>) -> Self {
        let mut secret = Vec::new();
        for name in templates.flat_map(Template::names) {
            if let Some(variable) = name.strip_prefix(ENVIRONMENT)
                && let Ok(value) = std::env::var(variable)
            {
                secret.push((name.to_owned(), value));
            }
        }
        Self { known: Vec::new(), secret }
    }

    /// Adds a value that everybody may see.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.known.push((name, value.into()));
        self
    }

    /// Adds the path of a folder.
    pub(crate) fn with_path(self, name: &'static str, path: &Path) -> Self {
        self.with(name, path.display().to_string())
    }

    /// Returns the text of a template.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, such as a variable of the environment that is not set.
    pub(crate) fn fill(&self, template: &Template) -> Result<String, UnknownPlaceholder> {
        self.fill_with(template, &|_| None)
    }

    /// Returns the same with further values.
    pub(crate) fn fill_with<'v>(
        &'v self,
        template: &Template,
        further: Further<'_, 'v>,
    ) -> Result<String, UnknownPlaceholder> {
        template.fill(&mut |name| further(name).or_else(|| self.value(name).map(Cow::Borrowed)))
    }

    /// Returns the text of a template for a message: a variable of the environment is its name.
    pub(crate) fn shown(&self, template: &Template) -> String {
        self.shown_with(template, &|_| None)
    }

    /// Returns the same with further values, none of which is secret.
    pub(crate) fn shown_with<'v>(
        &'v self,
        template: &Template,
        further: Further<'_, 'v>,
    ) -> String {
        let filled = template.fill(&mut |name| {
            let known = self.known.iter().find(|(known, _)| *known == name);
            let known = || known.map(|(_, value)| Cow::Borrowed(value.as_str()));
            Some(further(name).or_else(known).unwrap_or_else(|| format!("{{{name}}}").into()))
        });
        filled.unwrap_or_else(|_| template.to_string())
    }

    /// Returns a text from outside without the secrets that it may repeat.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let secrets = self.secret.iter().filter(|(_, value)| !value.is_empty());
        secrets.fold(text.to_owned(), |text, (_, value)| text.replace(value, BLANKED))
    }

    fn value(&self, name: &str) -> Option<&str> {
        let known = self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let secret = || self.secret.iter().find(|(known, _)| known == name);
        known.or_else(|| secret().map(|(_, value)| value)).map(String::as_str)
    }
}

/// Returns the folder of a target file, `{here}`, as a path that is valid in every folder.
pub(crate) fn folder_of(file: &TargetFile) -> PathBuf {
    // A file in the current folder has no folder in its path.
    let folder = Path::new(".").join(&file.folder);
    std::path::absolute(&folder).unwrap_or(folder)
}

impl fmt::Debug for PlaceholderValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceholderValues").field("known", &self.known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_filled_in_and_never_shown() {
        // A variable that every environment has.
        let template = Template::new("{env:PATH}|{port}|{seq}");
        let values = PlaceholderValues::of_environment([&template].into_iter()).with("port", "80");
        let path = std::env::var("PATH").unwrap();
        let filled =
            values.fill_with(&template, &|name| (name == "seq").then(|| "7".into())).unwrap();
        assert_eq!(filled, format!("{path}|80|7"));
        assert_eq!(values.shown(&template), "{env:PATH}|80|{seq}");
        assert_eq!(values.without_secrets(&format!("no {path}!")), "no …!");
        assert!(!format!("{values:?}").contains(&path));
    }

    #[test]
    fn a_variable_that_is_not_set_is_an_error_that_names_it() {
        let template = Template::new("{env:WIREBENCH_NEVER_SET}");
        let values = PlaceholderValues::of_environment([&template].into_iter());
        let error = values.fill(&template).unwrap_err().to_string();
        assert!(error.contains("WIREBENCH_NEVER_SET"), "{error}");
    }
}
