//! The connection to a MAS on another machine: which servers the program trusts, which certificate
//! it shows, and what it never sends in the clear.

use std::fmt::Write as _;
use std::path::Path;

use matrix_keycloak_sync::standins::{Fault, RunningWorld};

use crate::harness::{
    BY_MAS, Program, Run, account, everyone, program_by, settings, started, the_table,
};
use crate::sections::PROTECT;
use crate::tls::{Authority, Identity, TlsFront};

/// Both listeners of MAS behind TLS, and a configuration for them.
struct Behind {
    public: TlsFront,
    admin: TlsFront,
    world: RunningWorld,
}

async fn behind(identity: &Identity, client_ca: Option<&Authority>) -> Behind {
    let world = started(the_table()).await;
    let public = TlsFront::start(world.mas.server().address(), identity, None);
    let admin = TlsFront::start(world.mas.admin().address(), identity, client_ca);
    world.mas.state().settings.issuer = format!("{}/", public.url());
    Behind { public, admin, world }
}

impl Behind {
    /// The program; each pair of `files` is a key of `[writer.mas_api]` and its file.
    fn program(&self, files: &[(&str, &Path)]) -> Program {
        let world = &self.world;
        let mut file = settings(world, BY_MAS)
            .replace(&format!("{:?}", world.mas_admin_url()), &format!("{:?}", self.admin.url()));
        for (key, path) in files {
            writeln!(file, "{key} = {:?}", path.to_string_lossy()).expect("memory");
        }
        assert!(file.contains(&self.public.url()));
        file.push_str(PROTECT);
        program_by(world, BY_MAS, "").file(world, &file)
    }

    /// Returns a run that is refused and disables no account.
    #[track_caller]
    fn refuses(&self, files: &[(&str, &Path)]) -> Run {
        let before = everyone(&self.world);
        let run = self.program(files).run("sync").exits(1);
        assert_eq!(everyone(&self.world), before);
        run
    }
}

#[tokio::test]
async fn private_authority_is_trusted_only_if_configured() {
    let own = Authority::new("own");
    let mas = behind(&own.server(), None).await;
    let ca = own.write(mas.world.directory(), "ca");
    mas.refuses(&[]).matches(&mas.world, "sync_with_an_untrusted_certificate");
    mas.program(&[("ca_file", &ca)]).run("sync").exits(0);
    assert!(mas.world.settle().await);
    assert_eq!(mas.world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn a_certificate_that_is_wrong_in_any_way_is_refused() {
    let own = Authority::new("own");
    for wrong in [
        own.expired_server(),
        own.server_called(&["mas.example.org"]),
        Authority::new("other").server(),
    ] {
        let mas = behind(&wrong, None).await;
        let ca = own.write(mas.world.directory(), "ca");
        // An expired certificate is reported with the time.
        mas.refuses(&[("ca_file", &ca)]).tells(&["MAS: GET https://localhost:", "no connection"]);
    }
}

#[tokio::test]
async fn configured_certificate_is_sent_if_the_server_requests_one() {
    let (own, clients) = (Authority::new("own"), Authority::new("clients"));
    let mas = behind(&own.server(), Some(&clients)).await;
    let ca = own.write(mas.world.directory(), "ca");
    let (certificate, key) = clients.client("sync").write(mas.world.directory(), "sync");
    // The server may refuse the handshake or the first request.
    mas.refuses(&[("ca_file", &ca)]).tells(&["MAS: GET https://localhost:", "/api/admin/v1/"]);
    let files =
        [("ca_file", &*ca), ("client_cert_file", &*certificate), ("client_key_file", &*key)];
    mas.program(&files).run("sync").exits(0);
}

#[tokio::test]
async fn a_token_endpoint_on_plain_http_beyond_this_machine_gets_no_secret() {
    let world = started(the_table()).await;
    world.mas.state().settings.token_endpoint =
        Some("http://auth.example.org/oauth2/token".to_owned());
    let run = program_by(&world, BY_MAS, "").run("plan").exits(1);
    run.matches(&world, "plan_with_a_token_endpoint_on_plain_http");
}

#[tokio::test]
async fn token_endpoint_at_another_address_than_the_issuers_gets_no_secret() {
    let world = started(the_table()).await;
    world.mas.state().settings.token_endpoint = Some(format!("{}/collect", world.synapse.url()));
    for more in ["", "allow_http = true\n"] {
        let run = program_by(&world, BY_MAS, more).run("plan").exits(1);
        run.matches(&world, "plan_with_a_token_endpoint_at_another_address");
    }
    assert_eq!(world.synapse.requests().count("/collect"), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = started(the_table()).await;
    world
        .mas
        .admin()
        .faults()
        .on("/api/admin/v1/users")
        .answer(Fault::Redirect(world.synapse.url()));
    let run = program_by(&world, BY_MAS, "").run("plan").exits(1);
    run.matches(&world, "plan_with_a_redirect");
    assert_eq!(world.synapse.requests().count("/api/admin"), 0);
}
