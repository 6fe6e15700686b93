//! Every function fits on a screen, every file has one subject, and a call of a public function
//! says what its arguments mean. The stand-ins may have longer functions, because they copy
//! servers.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Block, FnArg, Signature, Type, Visibility};

use crate::files;

const LINES_OF_A_FUNCTION: usize = 60;
const LINES_OF_A_FILE: usize = 400;

/// The functions of a source that break a rule, by name.
#[derive(Default)]
struct Found {
    long: Vec<String>,
    with_bool: Vec<String>,
}

impl Found {
    fn in_source(source: &str) -> Self {
        let mut found = Self::default();
        found.visit_file(&syn::parse_file(source).expect("Rust"));
        found
    }

    fn check(&mut self, visibility: &Visibility, signature: &Signature, body: Option<&Block>) {
        let name = signature.ident.to_string();
        let takes_bool = signature.inputs.iter().any(is_bool);
        if takes_bool && matches!(visibility, Visibility::Public(_)) {
            self.with_bool.push(name.clone());
        }
        let first = signature.fn_token.span.start().line;
        let last = body.map_or(first, |body| body.brace_token.span.close().end().line);
        if last - first >= LINES_OF_A_FUNCTION {
            self.long.push(format!("{name}: {} lines", last - first + 1));
        }
    }
}

fn is_bool(argument: &FnArg) -> bool {
    match argument {
        FnArg::Typed(argument) => {
            matches!(&*argument.ty, Type::Path(path) if path.path.is_ident("bool"))
        }
        FnArg::Receiver(_) => false,
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.vis, &item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.vis, &item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        for method in &item.items {
            if let syn::TraitItem::Fn(method) = method {
                self.check(&item.vis, &method.sig, method.default.as_ref());
            }
        }
        visit::visit_item_trait(self, item);
    }
}

/// Returns every source file, those of tests too, and its text.
fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let all = files(Path::new("src"), &|_: &Path| false);
    let of_rust =
        all.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    of_rust.map(|path| {
        let text = fs::read_to_string(&path).expect("a source file");
        (path, text)
    })
}

#[test]
fn no_function_outside_the_stand_ins_is_longer_than_60_lines() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        if !path.starts_with("src/standins") {
            let found = Found::in_source(&text).long;
            long.extend(
                found.into_iter().map(|function| format!("{}: {function}", path.display())),
            );
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES_OF_A_FILE {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_public_function_takes_a_bool() {
    let mut with_bool = Vec::new();
    for (path, text) in sources() {
        let found = Found::in_source(&text).with_bool;
        with_bool
            .extend(found.into_iter().map(|function| format!("{}: {function}", path.display())));
    }
    assert_eq!(with_bool, Vec::<String>::new());
}

#[test]
fn functions_that_break_a_rule_are_found_wherever_they_stand() {
    let body = "\n".repeat(LINES_OF_A_FUNCTION);
    let source = format!(
        "
        fn just_short() {{{}}}
        fn long() {{{body}}}
        pub struct A;
        impl A {{ pub fn method(&self, on: bool) {{{body}}} }}
        pub trait B {{ fn trait_method(on: bool); fn with_default() {{{body}}} }}
        mod inner {{ pub fn public(on: bool) {{}} pub(super) fn internal(on: bool) {{}} fn private(on: bool) {{}} }}
        ",
        &body[1..]
    );
    let found = Found::in_source(&source);
    assert_eq!(found.long, ["long: 61 lines", "method: 61 lines", "with_default: 61 lines"]);
    assert_eq!(found.with_bool, ["method", "trait_method", "public"]);
}
