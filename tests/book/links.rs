//! Links between Markdown files: the file exists, and so does the heading. `docs/check.sh` checks
//! the book's own links in the HTML.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::files::files;

/// The targets of links, and a file's headings with a forge's anchors.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// Files and folders of the sources, as the text names them.
    sources: Vec<String>,
    anchors: BTreeSet<String>,
}

fn read(path: &Path) -> Page {
    let text = std::fs::read_to_string(path).expect("a readable page");
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let again = (1..).map(|number| format!("{slug}-{number}"));
                let free = std::iter::once(slug.clone())
                    .chain(again)
                    .find(|name| !page.anchors.contains(name));
                page.anchors.extend(free);
            }
            Event::Text(text) | Event::Code(text) => {
                if ["src/", "tests/", "benches/"].iter().any(|folder| text.starts_with(folder)) {
                    page.sources
                        .push(text.split_whitespace().next().unwrap_or_default().to_owned());
                }
                if let Some(heading) = &mut heading {
                    *heading += &text;
                }
            }
            _ => {}
        }
    }
    page
}

fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

/// Returns the pages of the book, and these files of the root.
fn pages_and(root: &Path, names: &[&str]) -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let pages = files(&root.join("docs"), &|_| false).into_iter().filter(is_page);
    names.iter().map(|name| root.join(name)).chain(pages).collect()
}

/// `docs/deployments/../mas-api.md` as `docs/mas-api.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn every_link_between_files_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = pages_and(root, &["README.md", "CHANGELOG.md"]);
    let pages: BTreeMap<_, _> = all.into_iter().map(|path| (path.clone(), read(&path))).collect();
    let (mut wrong, mut links) = (Vec::new(), 0);
    for (path, page) in &pages {
        let is_in_book = path.starts_with(root.join("docs"));
        for link in
            page.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        {
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                plain(&path.parent().unwrap_or(root).join(file))
            };
            let leads = target.exists()
                && (!is_in_book || target.starts_with(root.join("docs")))
                && (anchor.is_empty()
                    || pages.get(&target).is_some_and(|page| page.anchors.contains(anchor)));
            if !leads {
                wrong
                    .push(format!("{}: {link}", path.strip_prefix(root).unwrap_or(path).display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere, or out of the book:\n{}", wrong.join("\n"));
    println!("links: {links} in {} Markdown files, all lead somewhere", pages.len());
}

#[test]
fn every_source_file_that_the_documentation_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for path in pages_and(root, &["README.md", "SECURITY.md"]) {
        let sources = read(&path).sources;
        let gone = sources.into_iter().filter(|source| !root.join(source).exists());
        missing.extend(gone.map(|source| format!("{}: {source}", path.display())));
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Returns the functions that a line names, each with its file: `` `src/file.rs`: `function`,
/// `function` ``.
fn functions(line: &str) -> Vec<(&str, &str)> {
    let (mut functions, mut file, mut before) = (Vec::new(), None, "");
    for (number, part) in line.split('`').enumerate() {
        if number % 2 == 0 {
            before = part;
        } else if part.starts_with("src/") {
            file = Some(part);
        } else if let Some(file) = file.filter(|_| matches!(before, ": " | ", ")) {
            functions.push((file, part));
        }
    }
    functions
}

#[test]
fn every_function_on_the_ways_through_the_code_is_in_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).expect("a readable page");
    let named: Vec<_> = page.lines().flat_map(functions).collect();
    let is_missing = |(file, function): &&(&str, &str)| {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        !["(", "<"].iter().any(|after| text.contains(&format!("fn {function}{after}")))
    };
    let missing: Vec<_> = named.iter().filter(is_missing).collect();
    assert!(named.len() > 40, "{named:?}");
    assert_eq!(missing, Vec::<&(&str, &str)>::new());
}
