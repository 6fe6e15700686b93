//! Makes pages of HTML that stand alone: for a ticket, a mail, or a folder. They load nothing, send
//! nothing, and can be read without their script.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::{Environment, Value, context};
use sha2::{Digest as _, Sha256};

/// The templates of all pages. Their names end in `.html`, so values are escaped.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    for (name, source) in [
        ("page.html", include_str!("page.html")),
        ("plan.html", include_str!("../plan_page.html")),
        ("report_head.html", include_str!("../report/head.html")),
        ("report_row.html", include_str!("../report/row.html")),
    ] {
        templates.add_template(name, source).expect("our own template compiles");
    }
    templates
});

const STYLE: &str = include_str!("page.css");
/// Stands in the page for its body, and in no text that is printed.
const BODY: &str = "\u{1}";

/// The frame of a page.
#[derive(Debug, Clone, Copy)]
pub struct Page<'p> {
    pub title: &'p str,
    /// A script that the page can do without.
    pub script: Option<&'static str>,
}

impl Page<'_> {
    /// Returns the whole page. `body` is HTML: the inside of `main`, after the title.
    #[must_use]
    pub fn render(self, body: &str) -> String {
        let (head, foot) = self.around();
        format!("{head}{body}{foot}")
    }

    /// Returns what is before and after the body, for a body that is too long to hold.
    #[must_use]
    pub fn around(self) -> (String, String) {
        let page = render(
            "page.html",
            context! {
                title => self.title,
                style => STYLE,
                script => self.script,
                policy => self.policy(),
                body => Value::from_safe_string(BODY.to_owned()),
            },
        );
        let (head, foot) = page.split_once(BODY).expect("a page has a body");
        (head.to_owned(), foot.to_owned())
    }

    /// Returns the policy of the page: its own style and script, and nothing else.
    fn policy(self) -> String {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        let script = self.script.map(|script| format!(" script-src 'sha256-{}';", hash(script)));
        format!(
            "default-src 'none'; style-src 'sha256-{}';{} base-uri 'none'; form-action 'none'",
            hash(STYLE),
            script.unwrap_or_default()
        )
    }
}

/// Renders a template of ours. Texts from servers have to be in their printed form already.
pub(super) fn render(name: &str, values: Value) -> String {
    let template = TEMPLATES.get_template(name).expect("a template of ours");
    template.render(values).expect("our own template renders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_escapes_its_title_and_allows_only_its_own_style_and_script() {
        let page = Page { title: "<b>&\"'", script: Some("alert(1)") }.render("<p>body</p>");
        assert!(page.contains("<h1>&lt;b&gt;&amp;&quot;&#x27;</h1>"), "{page}");
        assert!(page.contains("<p>body</p>") && !page.contains(BODY));
        assert!(page.contains("default-src &#x27;none&#x27;; style-src &#x27;sha256-"), "{page}");
        let hash = BASE64_STANDARD.encode(Sha256::digest("alert(1)"));
        assert!(page.contains(&hash.replace('/', "&#x2f;")), "{page}");
        assert!(page.contains("<script>alert(1)</script>"));
    }

    #[test]
    fn page_without_a_script_allows_none() {
        let page = Page { title: "x", script: None }.render("");
        assert!(!page.contains("script"), "{page}");
    }
}
