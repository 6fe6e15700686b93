//! Every message of the code, parsed from its source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use matrix_keycloak_sync::config::{ConfigKey, Expected};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprCall, ExprLit, ExprMethodCall, ExprStruct, FieldValue, ImplItemFn, ItemFn,
    ItemMod, Lit, LitStr, Local, Macro, Member, Pat,
};

use crate::files::files;

/// Files in which every text is a message.
const FILES: &[&str] = &[
    "config/address.rs",
    "config/fields.rs",
    "config/keys/expected.rs",
    "config/load/accounts.rs",
    "config/load/keycloak.rs",
    "config/load/mas_api.rs",
    "config/load/mas_cli.rs",
    "config/load/mod.rs",
    "config/load/policy.rs",
    "config/load/warnings.rs",
    "config/given_values.rs",
    "config/notify.rs",
    "config/watch.rs",
];
/// Functions in which every text is a message.
const FUNCTIONS: &[(&str, &str)] = &[
    ("commands/apply.rs", "left_out"),
    ("commands/apply.rs", "not_planned"),
    ("plan/refusal.rs", "fmt"),
    ("plan/refusal.rs", "and_before"),
    ("plan/refusal.rs", "min_members"),
    ("plan/refusal.rs", "max_look"),
    ("plan/refusal.rs", "mapping_in_doubt"),
    ("apply/confirm.rs", "check_shown"),
    ("apply/confirm.rs", "wait"),
];
/// Variables that contain a message.
const VARIABLES: &[&str] = &["found", "missing", "what", "why"];
/// Values that are made of a message.
const VALUES: &[&str] = &["Inconsistent", "NotSeen", "Scheduled", "Skipped"];
/// Calls that take a message, and the argument's position.
const CALLS: &[(&str, usize)] = &[("inconsistent", 1), ("problem", 1), ("warn", 1)];
/// Macros that log a message.
const MACROS: &[&str] = &["error", "warn"];
/// Texts in those places that are only a part of a message.
const PARTS: &[&str] =
    &["the users of the realm", "the credentials for Keycloak", "the admin token"];

/// Returns every message with its file.
pub(crate) fn of_the_code() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    for path in files(&source, &is_for_tests).into_iter().filter(is_rust) {
        let name = path.strip_prefix(&source).unwrap_or(&path).display().to_string();
        let text = std::fs::read_to_string(&path).expect("a readable source");
        let file = syn::parse_file(&text).expect("Rust");
        let whole = FILES.contains(&&*name);
        let mut collector = Collector { file: name, telling: whole, prefix: "", found: &mut found };
        collector.visit_file(&file);
    }
    for key in ConfigKey::all() {
        if let Expected::Words(words) | Expected::OrOff(words) = key.expected {
            found.insert(normalised(words), "config/keys/".to_owned());
        }
    }
    found
}

/// Returns whether a file or folder is not the program's own: only tests and the demo use the
/// stand-ins.
fn is_for_tests(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| {
        ["standins", "stand_in", "people", "tests"].iter().any(|other| name == *other)
    })
}

/// Returns a message on one line, with `…` for its arguments.
pub(crate) fn normalised(text: &str) -> String {
    let mut plain = String::new();
    let mut characters =
        text.replace("{{", "\u{1}").replace("}}", "\u{2}").chars().collect::<Vec<_>>().into_iter();
    while let Some(c) = characters.next() {
        match c {
            '{' => {
                characters.find(|c| *c == '}');
                plain.push('…');
            }
            '\u{1}' => plain.push('{'),
            '\u{2}' => plain.push('}'),
            c => plain.push(c),
        }
    }
    while plain.contains("……") {
        plain = plain.replace("……", "…");
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether a text is more than a name, a path or a separator.
fn is_prose(text: &str) -> bool {
    let words = normalised(text);
    words.contains(' ')
        && words.split(' ').any(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 3)
}

struct Collector<'f> {
    file: String,
    /// Whether the texts that follow are messages.
    telling: bool,
    /// The prefix that the program adds.
    prefix: &'static str,
    found: &'f mut BTreeMap<String, String>,
}

impl Collector<'_> {
    fn message(&mut self, text: &str) {
        let text = normalised(&format!("{}{text}", self.prefix));
        let is_query = text.starts_with("SELECT ");
        if text.contains(char::is_alphabetic) && !PARTS.contains(&&*text) && !is_query {
            self.found.entry(text).or_insert_with(|| self.file.clone());
        }
    }

    fn telling(&mut self, prefix: &'static str, visit: impl FnOnce(&mut Self)) {
        let before = (self.telling, self.prefix);
        (self.telling, self.prefix) = (true, prefix);
        visit(self);
        (self.telling, self.prefix) = before;
    }

    /// The texts in the tokens of a macro that the parser does not parse.
    fn texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.texts(group.stream()),
                token => {
                    if let Some(text) = as_text(&token).filter(|text| is_prose(text)) {
                        self.message(&text);
                    }
                }
            }
        }
    }

    fn function<'a>(&mut self, name: &str, visit: impl FnOnce(&mut Self) + 'a) {
        if FUNCTIONS.contains(&(&*self.file, name)) { self.telling("", visit) } else { visit(self) }
    }
}

fn as_text(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Literal(_) => {
            syn::parse2::<LitStr>(token.clone().into()).ok().map(|text| text.value())
        }
        _ => None,
    }
}

/// The first argument of a macro that is a text; fields may precede it.
fn format_of(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','))
        .find_map(|argument| as_text(argument.first().filter(|_| argument.len() == 1)?))
}

fn last_name(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error")
            && let Ok(list) = attribute.meta.require_list()
            && let Some(text) = list.tokens.clone().into_iter().next().as_ref().and_then(as_text)
        {
            self.message(&text);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.function(&function.sig.ident.to_string(), |this| visit::visit_item_fn(this, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.function(&function.sig.ident.to_string(), |this| {
            visit::visit_impl_item_fn(this, function);
        });
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let name = last_name(&call.path);
        if MACROS.contains(&&*name) {
            if let Some(text) = format_of(call.tokens.clone()) {
                self.message(&text);
            }
        } else if self.telling && matches!(&*name, "format" | "vec" | "write") {
            self.texts(call.tokens.clone());
        }
    }

    fn visit_expr_lit(&mut self, literal: &'ast ExprLit) {
        if let (true, Lit::Str(text)) = (self.telling, &literal.lit) {
            let text = text.value();
            if is_prose(&text) {
                self.message(&text);
            }
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        let name = match &local.pat {
            Pat::Ident(name) => name.ident.to_string(),
            _ => String::new(),
        };
        // Failed system calls.
        let prefix =
            if name == "what" && self.file.starts_with("commands/") { "cannot " } else { "" };
        if VARIABLES.contains(&&*name) {
            self.telling(prefix, |this| visit::visit_local(this, local));
        } else {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        match &*assign.left {
            Expr::Path(path) if VARIABLES.contains(&&*last_name(&path.path)) => {
                self.telling("", |this| visit::visit_expr_assign(this, assign));
            }
            _ => visit::visit_expr_assign(self, assign),
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let name = call.method.to_string();
        // The text of an `expect` is for developers.
        if name == "expect" {
            self.visit_expr(&call.receiver);
            return;
        }
        if let Some((_, number)) = CALLS.iter().find(|(of, _)| *of == name)
            && let Some(argument) = call.args.iter().nth(*number)
        {
            self.telling("", |this| this.visit_expr(argument));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let name = match &*call.func {
            Expr::Path(path) => last_name(&path.path),
            _ => String::new(),
        };
        if name == "cannot" {
            self.telling("cannot ", |this| visit::visit_expr_call(this, call));
        } else if VALUES.contains(&&*name) {
            self.telling("", |this| visit::visit_expr_call(this, call));
        } else {
            visit::visit_expr_call(self, call);
        }
    }

    fn visit_expr_struct(&mut self, made: &'ast ExprStruct) {
        if last_name(&made.path) == "Local" {
            self.telling("cannot ", |this| visit::visit_expr_struct(this, made));
        } else {
            visit::visit_expr_struct(self, made);
        }
    }

    fn visit_field_value(&mut self, field: &'ast FieldValue) {
        match &field.member {
            Member::Named(name) if name == "why" => {
                self.telling("", |this| visit::visit_field_value(this, field));
            }
            // A remedy belongs to a warning, and is no message of its own.
            Member::Named(name) if name == "instead" => {}
            _ => visit::visit_field_value(self, field),
        }
    }
}
