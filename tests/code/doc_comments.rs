//! Every public type, trait and function has a doc comment. Fields and variants may go without one,
//! because a comment that only repeats a name is noise.

use std::fs;

use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Visibility};

use crate::sources;

/// Finds public items without a doc comment.
#[derive(Default)]
struct Undocumented {
    found: Vec<String>,
}

impl Undocumented {
    fn check(&mut self, visibility: &Visibility, attributes: &[Attribute], name: &Ident) {
        let is_documented = attributes.iter().any(|attribute| attribute.path().is_ident("doc"));
        if matches!(visibility, Visibility::Public(_)) && !is_documented {
            self.found.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Undocumented {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.check(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.check(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.check(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.check(&item.vis, &item.attrs, &item.ident);
        for method in &item.items {
            if let syn::TraitItem::Fn(method) = method {
                self.check(&item.vis, &method.attrs, &method.sig.ident);
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.vis, &item.attrs, &item.sig.ident);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.vis, &item.attrs, &item.sig.ident);
    }
}

/// Returns the public items of a source that have no doc comment.
fn undocumented(source: &str) -> Vec<String> {
    let mut visitor = Undocumented::default();
    visitor.visit_file(&syn::parse_file(source).expect("Rust"));
    visitor.found
}

#[test]
fn every_public_type_trait_and_function_has_a_doc_comment() {
    let mut missing = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        missing.extend(
            undocumented(&text).into_iter().map(|name| format!("{}: {name}", file.display())),
        );
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn an_item_counts_if_it_is_public_and_not_a_test() {
    let source = "
        pub struct A { pub field: u8 }
        /// Documented.
        pub enum B { Variant }
        pub trait C { fn c_method(); }
        struct Private;
        impl B { pub fn method() {} fn private() {} }
        pub fn function() {}
        pub(crate) fn internal() {}
        pub type D = u8;
        mod tests { pub fn helper() {} }
    ";
    assert_eq!(undocumented(source), ["A", "C", "c_method", "method", "function", "D"]);
}
