//! Takes `[writer.mas_cli]`.

use std::path::{Path, PathBuf};

use crate::config::fields::{Fields, paths};
use crate::config::keys::mas_cli as keys;
use crate::config::watch::a_second_or_more;
use crate::config::{FilesToCheck, MasCliConfig};

/// Takes the section.
pub(super) fn mas_cli(fields: &mut Fields) -> MasCliConfig {
    let command = fields.texts_or_default(&keys::COMMAND);
    let own_config = own_config(&command);
    let given = fields.files(&keys::CONFIG);
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_else(|| {
        fields.empty(&keys::COMMAND);
        String::new()
    });
    let arguments: Vec<String> = command.collect();
    let is_plain = arguments.is_empty();
    let config = match given {
        _ if !own_config.is_empty() => Vec::new(),
        Some(given) => given,
        None if is_plain => keys::CONFIG.default(paths),
        None => Vec::new(),
    };
    let used = if own_config.is_empty() { config.clone() } else { own_config };
    let runs_here = is_mas_cli(&program) || is_plain;
    let config_to_check =
        if runs_here { FilesToCheck::Here(used) } else { FilesToCheck::BehindWrapper(used) };
    MasCliConfig {
        program,
        arguments,
        config,
        config_to_check,
        timeout: a_second_or_more(fields, &keys::TIMEOUT),
        concurrency: fields.count(&keys::CONCURRENCY),
    }
}

fn is_mas_cli(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "mas-cli")
}

/// Returns the configuration files that the command itself passes to mas-cli.
fn own_config(command: &[String]) -> Vec<PathBuf> {
    let mut words = command.iter().skip_while(|word| !is_mas_cli(word)).skip(1);
    let mut files = Vec::new();
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--config=") {
            files.push(path.into());
        } else if word == "--config" || word == "-c" {
            files.extend(words.next().map(PathBuf::from));
        }
    }
    files
}
