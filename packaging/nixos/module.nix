# The NixOS module: docs/deployments/nixos.md shows how to use it.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.matrix-keycloak-sync;
  format = pkgs.formats.toml { };

  inherit (lib) mkOption types;

  # The program sees the secrets here, as with the Debian package.
  folder = "/etc/matrix-keycloak-sync/credentials";

  settings = lib.recursiveUpdate (
    {
      state_file = "/var/lib/matrix-keycloak-sync/state.db";
    }
    // lib.optionalAttrs (cfg.mode == "watch") { watch.interval = cfg.interval; }
  ) cfg.settings;
  configFile = format.generate "matrix-keycloak-sync.toml" settings;

  # What the program takes if the key is missing.
  writer = cfg.settings.writer.type or "mas-cli";

  program = lib.getExe cfg.package;
  name = if cfg.mode == "watch" then "matrix-keycloak-sync" else "matrix-keycloak-sync-sync";

  # --- What must not be in the settings -----------------------------------------------------------

  secrets = [
    "access_token"
    "admin_token"
    "client_secret"
    "password"
  ];

  # Every value with its dotted key.
  leaves =
    prefix: value:
    if builtins.isAttrs value then
      builtins.concatLists (lib.mapAttrsToList (key: leaves (prefix ++ [ key ])) value)
    else
      [
        {
          key = builtins.concatStringsSep "." prefix;
          last = if prefix == [ ] then "" else builtins.elemAt prefix (builtins.length prefix - 1);
          inherit value;
        }
      ];
  values = leaves [ ] cfg.settings;

  inline = builtins.filter (leaf: builtins.elem leaf.last secrets) values;

  # Files with secrets: those of the keys `…_file`, and MAS's configuration for mas-cli.
  secretFiles = builtins.concatLists (
    map (
      leaf:
      let
        paths = if builtins.isList leaf.value then leaf.value else [ leaf.value ];
        ofSecret = builtins.elem leaf.last (map (secret: "${secret}_file") secrets);
      in
      if ofSecret || leaf.key == "writer.mas_cli.config" then
        map (path: {
          inherit (leaf) key;
          path = toString path;
        }) paths
      else
        [ ]
    ) values
  );
  inStore = path: lib.hasPrefix builtins.storeDir path;
  credentialOf = path: lib.removePrefix "${folder}/" path;
  unknown = builtins.filter (
    file: lib.hasPrefix "${folder}/" file.path && !(cfg.credentials ? ${credentialOf file.path})
  ) secretFiles;
  exposed =
    map (file: "settings.${file.key}") (builtins.filter (file: inStore file.path) secretFiles)
    ++ map (credential: "credentials.${credential}") (
      builtins.filter (credential: inStore cfg.credentials.${credential}) (
        builtins.attrNames cfg.credentials
      )
    );
  relative = builtins.filter (
    credential: !(lib.hasPrefix "/" cfg.credentials.${credential})
  ) (builtins.attrNames cfg.credentials);
  list = builtins.concatStringsSep ", ";

  # --- The unit -----------------------------------------------------------------------------------

  environment = {
    # A variable, because printed commands would repeat --config.
    MATRIX_KEYCLOAK_SYNC_CONFIG = "/etc/matrix-keycloak-sync/config.toml";
    # What printed commands begin with: it runs them as this service, and works as typed, as root.
    MATRIX_KEYCLOAK_SYNC_COMMAND = "matrix-keycloak-sync-run";
  };

  # As in packaging/debian/units; packaging/nixos/check.sh compares them.
  hardened = {
    # Its user exists only while it runs.
    DynamicUser = true;
    User = "_matrix-keycloak-sync";
    StateDirectory = "matrix-keycloak-sync";
    StateDirectoryMode = "0700";
    RuntimeDirectory = "matrix-keycloak-sync";
    RuntimeDirectoryMode = "0750";
    UMask = "0077";

    # The secrets belong to root. At their paths the program sees copies that only this unit has.
    LoadCredential = lib.mapAttrsToList (credential: path: "${credential}:${path}") cfg.credentials;
    # Its memory contains them too, and so would a core dump.
    LimitCORE = 0;

    # It only connects to servers and writes to its state directory.
    CapabilityBoundingSet = "";
    AmbientCapabilities = "";
    NoNewPrivileges = true;
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    PrivateMounts = true;
    PrivateDevices = true;
    PrivateUsers = true;
    ProtectClock = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectControlGroups = true;
    ProtectProc = "invisible";
    ProcSubset = "pid";
    RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    LockPersonality = true;
    # mas-cli contains a policy engine that generates code at run time.
    MemoryDenyWriteExecute = writer != "mas-cli";
    RemoveIPC = true;
    KeyringMode = "private";
    SystemCallArchitectures = "native";
    SystemCallFilter = [
      "@system-service"
      "~@privileged @resources"
    ];
    SystemCallErrorNumber = "EPERM";
  }
  // lib.optionalAttrs (cfg.credentials != { }) { BindReadOnlyPaths = [ "%d:${folder}" ]; };

  # --- One command by hand, as the service --------------------------------------------------------

  # Its settings with everything that is set elsewhere, except for start, watchdog and stop. The runtime directory stays the
  # service's: it would be removed at the end of this run.
  unit = config.systemd.services.${name};
  leftOut =
    key:
    builtins.elem key [
      "NotifyAccess"
      "Type"
      "WatchdogSec"
    ]
    || builtins.any (prefix: lib.hasPrefix prefix key) [
      "Exec"
      "Restart"
      "RuntimeDirectory"
      "Standard"
      "Timeout"
    ];
  # In single quotes; a transient unit does not support %d.
  quoted =
    argument:
    "'"
    + builtins.replaceStrings [ "'" "%d" ] [ "'\\''" "'\"/run/credentials/$unit\"'" ] argument
    + "'";
  text = value: if builtins.isBool value then (if value then "true" else "false") else toString value;
  properties = builtins.concatLists (
    lib.mapAttrsToList (
      key: value:
      map (each: quoted "--property=${key}=${text each}") (
        if builtins.isList value then value else [ value ]
      )
    ) (lib.filterAttrs (key: _: !(leftOut key)) unit.serviceConfig)
  );
  variables = lib.mapAttrsToList (key: value: quoted "--setenv=${key}=${text value}") (
    lib.filterAttrs (_: value: value != null) unit.environment
  );
  run = pkgs.writeShellScriptBin "matrix-keycloak-sync-run" ''
    set -eu
    if [ "$(id -u)" -ne 0 ]; then
      echo "matrix-keycloak-sync-run: run this as root, for example with sudo" >&2
      exit 1
    fi
    unit="matrix-keycloak-sync-run-$$.service"
    exec systemd-run --quiet --collect --wait --pipe --service-type=exec \
      --unit="$unit" --description="matrix-keycloak-sync $*" \
      ${builtins.concatStringsSep " \\\n  " (properties ++ variables)} \
      ${program} "$@"
  '';
in
{
  options.services.matrix-keycloak-sync = {
    enable = lib.mkEnableOption "matrix-keycloak-sync, which keeps Matrix accounts in step with a Keycloak group";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package with the program.";
    };

    settings = mkOption {
      inherit (format) type;
      default = { };
      example = lib.literalExpression ''
        {
          server_name = "example.org";
          keycloak = {
            url = "https://sso.example.org";
            realm = "corp";
            groups = [ "matrix-users" ];
            client_id = "matrix-sync";
            client_secret_file = "${folder}/keycloak";
          };
        }
      '';
      description = ''
        The configuration file. It is in the Nix store, which every user can read, so secrets are only named here, by keys such
        as `client_secret_file`.
      '';
    };

    credentials = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        keycloak = "/run/keys/matrix-keycloak-sync-keycloak";
      };
      description = ''
        Files with secrets on this host. The program sees a copy of each as `${folder}/NAME`. A new secret requires a restart.
      '';
    };

    mode = mkOption {
      type = types.enum [
        "watch"
        "timer"
      ];
      default = "watch";
      description = ''
        `"watch"` stays in step all the time; `"timer"` runs `sync` every `interval`.
      '';
    };

    interval = mkOption {
      type = types.str;
      default = "15m";
      description = ''
        The time between two full runs. In mode `"watch"` it is the default of `settings.watch.interval`.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = inline == [ ];
        message = ''
          services.matrix-keycloak-sync.settings: ${list (map (leaf: leaf.key) inline)} would be in the Nix store, which every
          user can read. Set the key with _file at its end, and name the file in services.matrix-keycloak-sync.credentials.
        '';
      }
      {
        assertion = exposed == [ ];
        message = ''
          services.matrix-keycloak-sync: ${list exposed} names a file in the Nix store, which every user can read. Name a file
          outside of it, such as one of agenix or sops-nix, in quotes.
        '';
      }
      {
        assertion = relative == [ ];
        message = ''
          services.matrix-keycloak-sync.credentials: ${list relative} must be an absolute path.
        '';
      }
      {
        assertion = unknown == [ ];
        message = ''
          services.matrix-keycloak-sync.settings: ${list (map (file: file.key) unknown)} names a credential that is not in
          services.matrix-keycloak-sync.credentials.
        '';
      }
    ];

    environment.etc = {
      "matrix-keycloak-sync/config.toml".source = configFile;
      # So that the directory exists, on which the unit mounts its credentials.
      "matrix-keycloak-sync/credentials/README".text = ''
        The service sees its secrets here: services.matrix-keycloak-sync.credentials.
      '';
    };
    environment.systemPackages = [
      cfg.package
      run
    ];

    systemd.services.${name} = {
      description =
        if cfg.mode == "watch" then
          "Keep Matrix accounts in step with a Keycloak group"
        else
          "Bring Matrix accounts in step with a Keycloak group, once";
      documentation = [ "man:matrix-keycloak-sync(1)" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      inherit environment;
    }
    // (
      if cfg.mode == "watch" then
        {
          wantedBy = [ "multi-user.target" ];
          reloadTriggers = [ configFile ];
          serviceConfig = hardened // {
            Type = "notify";
            NotifyAccess = "main";
            ExecStart = "${program} watch";
            ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
            WatchdogSec = "2min";
            Restart = "on-failure";
            RestartSec = "30s";
            # A restart does not fix a wrong command line or configuration.
            RestartPreventExitStatus = "64 78";
            # Actions that have begun are finished and confirmed: the last action, then writer.confirm_timeout.
            TimeoutStopSec = "3min";
          };
        }
      else
        {
          serviceConfig = hardened // {
            Type = "oneshot";
            ExecStart = "${program} sync";
            # The program ends hangs itself within minutes; this is for unknown ones.
            TimeoutStartSec = "1h";
          };
        }
    );

    systemd.timers = lib.mkIf (cfg.mode == "timer") {
      ${name} = {
        description = "Bring Matrix accounts in step with a Keycloak group, every ${cfg.interval}";
        documentation = [ "man:matrix-keycloak-sync(1)" ];
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnActiveSec = "1min";
          OnUnitInactiveSec = cfg.interval;
          RandomizedDelaySec = 60;
        };
      };
    };
  };
}
