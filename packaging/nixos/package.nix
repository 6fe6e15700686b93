# matrix-keycloak-sync for nixpkgs: pkgs.callPackage ./package.nix { }
#
# Built from the sources around this file. Needs a nixpkgs with Rust 1.91 or newer.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:

rustPlatform.buildRustPackage {
  pname = "matrix-keycloak-sync";
  inherit ((lib.importTOML ../../Cargo.toml).package) version;

  # The same files as in the build of the container image.
  src = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.unions [
      ../../Cargo.toml
      ../../Cargo.lock
      ../../build.rs
      ../../README.md
      ../../LICENSE
      ../../src
      ../../benches
    ];
  };

  # Every crate with its checksum; no hash to update here.
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The tests are not among these files; `cargo test` in the sources runs them.
  doCheck = false;

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    program=$out/bin/matrix-keycloak-sync
    mkdir man
    $program man >man/matrix-keycloak-sync.1
    for command in $($program man | sed -n '/^\.SH COMMANDS/,/^\.SH/ s/^\\fB\([a-z]*\)\\fR$/\1/p'); do
      $program man "$command" >"man/matrix-keycloak-sync-$command.1"
    done
    installManPage man/*.1
    installShellCompletion --cmd matrix-keycloak-sync \
      --bash <($program completions bash) \
      --zsh <($program completions zsh) \
      --fish <($program completions fish)
  '';

  meta = {
    description = "Only members of a Keycloak group may use Matrix, and no member is locked out by mistake";
    license = lib.licenses.asl20;
    mainProgram = "matrix-keycloak-sync";
    platforms = lib.platforms.linux;
  };
}
