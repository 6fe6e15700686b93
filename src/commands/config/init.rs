//! Asks for what is needed, and writes a configuration (`config init`).

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::answers::{Answers, SecretFile, Secrets};
use super::terminal::Terminal;
use super::{keycloak, synapse, writer};
use crate::cli::{Global, InitArgs};
use crate::config::{self, Address, AddressOf, Config};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::mas_api::MasApi;
use crate::readers::{ReadError, Readers};
use crate::session::print;
use crate::shell::path_word;
use crate::state::{Parents, make_folder};

/// The file of the system, and the one of any other user.
const OF_THE_SYSTEM: &str = "/etc/matrix-keycloak-sync/config.toml";
const HERE: &str = "config.toml";
const VARIABLE: &str = "MATRIX_KEYCLOAK_SYNC_CONFIG";

/// Asks, writes the file and those of the secrets, and prints what to do next.
pub(super) async fn init(
    global: &Global,
    args: &InitArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let file = place(global, args, surroundings);
    refuse_existing(&file)?;
    let terminal = Terminal::open()?;
    terminal.say(&format!(
        "This writes {}.\nEach answer is tried out; nothing is changed on any server.\n\
         Enter takes the answer in [brackets], Ctrl-C ends without writing anything.\n\n",
        file.display()
    ));
    let mut answers = Answers::default();
    keycloak::ask(&terminal, &mut answers, surroundings).await?;
    synapse::ask(&terminal, &mut answers, surroundings).await?;
    writer::ask(&terminal, &mut answers, surroundings).await?;
    let written = write(&file, &answers)?;
    config::load(Some(&file), &|_| None)?;
    let command = &global.program;
    let option = if is_found(&file, surroundings) {
        String::new()
    } else {
        format!(" --config {}", path_word(&file))
    };
    let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    let files = files.join("\n  ");
    print(&format!(
        "\nWrote, readable only by this user:\n  {files}\n\nNext:\n  {command}{option} doctor   # checks everything\n  \
         {command}{option} plan     # shows what would change, and changes nothing\n",
    ))?;
    Ok(Exit::InStep)
}

/// Returns the place of the file: the given one, or one that is found without an option.
fn place(global: &Global, args: &InitArgs, surroundings: &Surroundings) -> PathBuf {
    let variable = (surroundings.env)(VARIABLE).filter(|path| !path.is_empty());
    let given = args.out.clone().or_else(|| global.config.clone());
    let file = given.or_else(|| variable.map(PathBuf::from)).unwrap_or_else(|| {
        let is_root = rustix::process::geteuid().is_root();
        PathBuf::from(if is_root { OF_THE_SYSTEM } else { HERE })
    });
    std::path::absolute(&file).unwrap_or(file)
}

/// Returns whether a command finds the file without an option.
fn is_found(file: &Path, surroundings: &Surroundings) -> bool {
    match (surroundings.env)(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => file == Path::new(&path),
        None => file == Path::new(OF_THE_SYSTEM),
    }
}

/// Returns an error if something is there, a link too.
fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(Failure::ConfigExists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Writes the files of the secrets, and the configuration last. Returns their paths, that of the
/// configuration first.
fn write(file: &Path, answers: &Answers) -> Result<Vec<PathBuf>, Failure> {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let failed =
        |path: &Path, source| Failure::Local { what: format!("write {}", path.display()), source };
    make_folder(file, Parents::MustExist).map_err(|error| failed(&folder, error))?;
    let secrets = answers.secret_files();
    let is_free = |ending: &String| {
        let path = |secret: &SecretFile| folder.join(format!("{}{ending}", secret.name));
        secrets.iter().all(|secret| path(secret).symlink_metadata().is_err())
    };
    let numbered = (2..).map(|number| format!("-{number}"));
    let ending = std::iter::once(String::new()).chain(numbered).find(is_free).unwrap_or_default();
    let file_of = |secret: &SecretFile| {
        let path = folder.join(format!("{}{ending}", secret.name));
        (path, format!("{}\n", secret.secret.expose_secret()))
    };
    let mut all: Vec<_> = secrets.iter().map(file_of).collect();
    let secrets = Secrets::Files { folder: folder.clone(), ending: ending.clone() };
    all.push((file.to_owned(), answers.text(&secrets)));
    let mut written: Vec<PathBuf> = Vec::new();
    for (path, text) in all {
        if let Err(error) = files::write_new(&path, &text) {
            for path in &written {
                let _ = std::fs::remove_file(path);
            }
            return Err(failed(&path, error));
        }
        written.push(path);
    }
    written.rotate_right(1);
    Ok(written)
}

/// Asks until there is the address of a server. One without a scheme is taken as https.
pub(super) fn ask_address(
    terminal: &Terminal,
    question: &str,
    of: AddressOf,
    default: Option<&str>,
) -> Result<Address, Failure> {
    loop {
        let answer = terminal.ask(question, default)?;
        let text =
            if answer.contains("://") { answer.clone() } else { format!("https://{answer}") };
        match Address::from_pasted(of, &text) {
            Ok(address) => {
                let taken = written_as(&address);
                if taken != answer.trim_end_matches('/') {
                    terminal.say(&format!("  taken as {taken}"));
                }
                return Ok(address);
            }
            Err(why) => terminal.say(&format!("  {why}")),
        }
    }
}

/// Returns an address as people write it.
pub(super) fn written_as(address: &Address) -> String {
    address.url.as_str().trim_end_matches('/').to_owned()
}

/// Returns readers for the answers so far.
pub(super) fn readers(answers: &Answers, surroundings: &Surroundings) -> Result<Readers, Failure> {
    let config = answers.config()?;
    let mas = mas_api(&config, surroundings)?;
    Ok(Readers::new(&config, mas.as_ref(), surroundings.timeouts)?)
}

/// Returns the Admin API, if it is configured.
pub(super) fn mas_api(
    config: &Config,
    surroundings: &Surroundings,
) -> Result<Option<MasApi>, Failure> {
    let mas = config.mas_api.as_ref().map(|mas| MasApi::new(mas, surroundings.timeouts));
    Ok(mas.transpose().map_err(ReadError::Client)?)
}
