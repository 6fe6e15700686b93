# Evaluates the module without nixpkgs, with the few functions of it that the module uses:
#
#   nix-instantiate --eval --strict --json packaging/nixos/check.nix
#
# prints the units that it makes, for packaging/nixos/check.sh to compare with the Debian package's. `pages` are files with
# modules, as on the page; `nixpkgs` is the folder `lib` of nixpkgs, to check types and merging as well.
{
  nixpkgs ? null,
  pages ? [ ],
}:

let
  stub = rec {
    mapAttrsToList = f: set: map (key: f key set.${key}) (builtins.attrNames set);
    filterAttrs =
      f: set:
      removeAttrs set (builtins.filter (key: !(f key set.${key})) (builtins.attrNames set));
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: string: if condition then string else "";
    recursiveUpdate =
      left: right:
      left
      // builtins.mapAttrs (
        key: value:
        if builtins.isAttrs value && builtins.isAttrs (left.${key} or null) then
          recursiveUpdate left.${key} value
        else
          value
      ) right;
    hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;
    removePrefix =
      prefix: string:
      if hasPrefix prefix string then
        builtins.substring (builtins.stringLength prefix) (builtins.stringLength string) string
      else
        string;
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    getExe' = package: name: "${package}/bin/${name}";
    literalExpression = text: { inherit text; };
    mkOption = option: option // { _type = "option"; };
    mkEnableOption =
      description:
      mkOption {
        default = false;
        inherit description;
      };
    # All or nothing, which is enough for one module.
    mkIf = condition: content: if condition then content else { };
    types = {
      package = "package";
      str = "string";
      attrsOf = type: "set of ${type}";
      enum = values: values;
    };
    licenses.asl20 = "Apache-2.0";
    platforms.linux = [ "x86_64-linux" ];
    importTOML = path: builtins.fromTOML (builtins.readFile path);
    fileset = {
      unions =
        paths:
        map (path: if builtins.pathExists path then path else throw "${toString path} does not exist") paths;
      toSource = { root, fileset }: fileset;
    };
  };

  package = name: {
    type = "derivation";
    inherit name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
    meta.mainProgram = name;
  };
  pkgs = {
    coreutils = package "coreutils";
    matrix-authentication-service = package "mas-cli";
    callPackage = _: _: package "matrix-keycloak-sync";
    formats.toml = _: {
      type = if nixpkgs == null then "TOML" else (import nixpkgs).types.attrs;
      generate = name: value: { inherit name value; };
    };
    writeShellScriptBin = name: script: { inherit name script; };
  };

  # A machine with this module, and with what the page's modules say of others.
  machine =
    module:
    if nixpkgs == null then alone module else merged module;

  alone =
    module:
    let
      lib = stub;
      given = module { inherit config lib pkgs; };
      inner = import ./module.nix { inherit config lib pkgs; };
      options = inner.options.services.matrix-keycloak-sync;
      own = builtins.mapAttrs (
        key: option: given.services.matrix-keycloak-sync.${key} or option.default
      ) options;
      strangers = removeAttrs given.services.matrix-keycloak-sync (builtins.attrNames options);
      config = {
        services = {
          matrix-keycloak-sync = own;
          matrix-authentication-service.package = pkgs.matrix-authentication-service;
        };
        # What NixOS adds: the PATH, and nothing for what is not set.
        systemd.services = builtins.mapAttrs (
          _: unit:
          unit
          // {
            environment = unit.environment // {
              PATH = "/nix/store/path/bin";
              LOCALE_ARCHIVE = null;
            };
          }
        ) inner.config.systemd.services;
      };
    in
    if strangers != { } then
      throw "unknown options: ${toString (builtins.attrNames strangers)}"
    else if own.enable then
      inner.config
    else
      throw "not enabled";

  merged =
    module:
    let
      lib = import nixpkgs;
      inherit (lib) mkOption types;
      anything = mkOption {
        type = types.attrs;
        default = { };
      };
      result = lib.evalModules {
        specialArgs = { inherit pkgs; };
        modules = [
          ./module.nix
          (arguments: removeAttrs (module arguments) [ "imports" ])
          {
            options = {
              assertions = mkOption { type = types.listOf types.attrs; };
              environment.etc = anything;
              environment.systemPackages = mkOption { type = types.listOf types.attrs; };
              services.matrix-authentication-service = anything;
              services.postgresql = anything;
              systemd.timers = anything;
              systemd.services = mkOption {
                type = types.attrsOf (
                  types.submodule {
                    freeformType = types.attrs;
                    options.environment = anything;
                    options.serviceConfig = mkOption { type = types.attrs; };
                  }
                );
              };
            };
            config.services.matrix-authentication-service.package = pkgs.matrix-authentication-service;
          }
        ];
      };
    in
    result.config;

  # What check.sh looks at.
  shown =
    module:
    let
      config = machine module;
      units = config.systemd.services;
      wrong = builtins.filter (each: !each.assertion) config.assertions;
      runners = builtins.filter (each: each ? script) config.environment.systemPackages;
    in
    {
      services = builtins.mapAttrs (_: unit: {
        inherit (unit) description environment serviceConfig;
        wantedBy = unit.wantedBy or [ ];
      }) units;
      timers = builtins.mapAttrs (_: timer: {
        inherit (timer) timerConfig wantedBy;
      }) (config.systemd.timers or { });
      settings = config.environment.etc."matrix-keycloak-sync/config.toml".source.value;
      etc = builtins.attrNames config.environment.etc;
      run = (builtins.head runners).script;
      wrong = map (each: each.message) wrong;
    };

  base = {
    enable = true;
    settings = {
      server_name = "example.org";
      writer.type = "mas-api";
      keycloak.client_secret_file = "/etc/matrix-keycloak-sync/credentials/keycloak";
    };
    credentials = {
      keycloak = "/run/keys/keycloak";
      synapse = "/run/keys/it's";
    };
  };
  with' = more: _: { services.matrix-keycloak-sync = stub.recursiveUpdate base more; };
in
{
  watch = shown (with' { });
  timer = shown (with' {
    mode = "timer";
    interval = "1h";
  });
  mas-cli = shown (with' { settings.writer.type = "mas-cli"; });
  own-interval = shown (with' { settings.watch.interval = "5m"; });
  no-credentials = shown (_: {
    services.matrix-keycloak-sync = {
      enable = true;
      settings.server_name = "example.org";
    };
  });
  wrong = builtins.mapAttrs (_: more: (shown (with' more)).wrong) {
    inline = {
      settings.keycloak.client_secret = "secret";
    };
    inline-deep = {
      settings.writer.mas_api.access_token = "secret";
    };
    store-file = {
      settings.synapse.admin_token_file = "/nix/store/0-token";
    };
    store-config = {
      settings.writer.mas_cli.config = [
        "/run/keys/mas"
        "/nix/store/0-mas.yaml"
      ];
    };
    store-credential = {
      credentials.keycloak = "/nix/store/0-keycloak";
    };
    relative = {
      credentials.keycloak = "keycloak";
    };
    unknown = {
      settings.writer.mas_api.client_secret_file = "/etc/matrix-keycloak-sync/credentials/mas";
    };
  };
  pages = map (page: shown (import page)) pages;
  package =
    let
      built = import ./package.nix {
        lib = stub;
        stdenv.buildPlatform.canExecute = _: true;
        stdenv.hostPlatform = { };
        rustPlatform.buildRustPackage = attributes: attributes;
        installShellFiles = package "install-shell-files";
      };
    in
    {
      inherit (built) pname version postInstall;
      src = map (path: baseNameOf path) built.src;
      lockFile = baseNameOf built.cargoLock.lockFile;
      inherit (built.meta) description license mainProgram;
    };
}
