"""
Our guesses that no recording shows, as a table: id, section of the documentation, text. No I/O.

They are about commands, TLS, tokens or texts, or have no single answer.
``docs/explanation/unconfirmed.md`` shows the table.
"""

from __future__ import annotations

from airflow_provider_sf.recordings.evidence import Guess

NOT_RECORDABLE = (
    Guess(
        "refused-start-changes-nothing",
        "upgrades",
        "A start with an unknown parameter or a changed default service, while another upgrade runs, is "
        "refused and changes nothing.",
    ),
    Guess(
        "rollback-while-prepared",
        "upgrades",
        "A rollback while the upgrade is prepared, or cleaned up, is accepted. A classic one begins at once.",
    ),
    Guess(
        "manual-rollback-first-domain", "upgrades", "The first domain of a manual rollback needs no command."
    ),
    Guess(
        "update-checks-no-completed-domain",
        "upgrades",
        "An update of a manual upgrade to `Monitored` does not check the domains that are completed.",
    ),
    Guess(
        "update-error-codes",
        "upgrades",
        "An update without changes, in a wrong state, or of a wrong member has the code 400 "
        "`E_INVALIDARG`. For monitoring members without the mode `Monitored` it is "
        "`FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR`.",
    ),
    Guess(
        "timeout-error-code",
        "upgrades",
        "A `timeout` of more than 600 seconds is 400 `E_INVALIDARG`. That it is refused is known.",
    ),
    Guess(
        "number-is-no-duration",
        "upgrades",
        "A number is not read as a duration, except `ReplicaSetCheckTimeoutInMilliseconds`, where the "
        "specification has a number.",
    ),
    Guess("message-texts", "upgrades", "The texts of `StatusDetails`, and of most messages."),
    Guess(
        "empty-type-list",
        "types",
        "A list of types without a match is empty, not an error. It is not known what its "
        "`ContinuationToken` looks like.",
    ),
    Guess("missing-path", "types", "`FABRIC_E_FILE_NOT_FOUND` for a missing path, also when it is deleted."),
    Guess(
        "missing-marker",
        "types",
        "`FABRIC_E_DIRECTORY_NOT_FOUND` for a build path without the marker `_.dir` in each folder.",
    ),
    Guess(
        "chunk-of-wrong-length",
        "types",
        "`FABRIC_E_UPLOAD_SESSION_RANGE_NOT_SATISFIABLE` for a chunk with another length than its range.",
    ),
    Guess(
        "session-ends-with-commit",
        "types",
        "An upload session ends with its commit, so a second commit is 404 `NotFound`. The runtime 6.4 "
        "answers it with 200.",
    ),
    Guess(
        "clean-up-after-provision",
        "types",
        "A clean-up deletes the package when the version is available, not when the provision fails.",
    ),
    Guess("compose-body-name", "targets", "Compose deployments: the body must have the name of the path."),
    Guess(
        "compose-version-names",
        "targets",
        "Compose deployments: the version after `v0` is `v1`. The status is `Ready` after a rollback.",
    ),
    Guess(
        "resource-same-description",
        "targets",
        "Application resources: the answer is 201 while the same description is being deployed.",
    ),
    Guess(
        "resource-description-after-rollback",
        "targets",
        "Application resources: a description is in force again after the rollback of the next.",
    ),
    Guess(
        "resource-name-taken",
        "targets",
        "500 `FABRIC_E_SINGLE_INSTANCE_APPLICATION_ALREADY_EXISTS` if another kind of application has the "
        "name.",
    ),
    Guess(
        "kind-of-first-command",
        "targets",
        "An application of a name becomes a classic application, compose deployment or application "
        "resource with its first command.",
    ),
    Guess(
        "resource-replaced",
        "resources",
        "How an upgrade that is started while another runs replaces it. It does so after a rollback, as "
        "with classic applications (`interrupted`), or at once (`superseded`).",
    ),
    Guess(
        "resource-replica-order",
        "resources",
        "In which order the replicas of several services are upgraded within a domain.",
    ),
    Guess(
        "shares-of-time",
        "phases",
        "The share of time of each safety check, of the upgrade of the nodes and of the health check.",
    ),
    Guess(
        "reason-is-health",
        "failures",
        "Everywhere else the reason is `HealthCheck`, so no scenario shows a domain or an upgrade that "
        "exceeded its timeout.",
    ),
    Guess(
        "continuation-token",
        "fields",
        "What the `ContinuationToken` of a list looks like. Here it is an id, in the published example a "
        "name.",
    ),
    Guess(
        "names-ignore-case", "fields", "Names are not case-sensitive. A real cluster may distinguish them."
    ),
    Guess(
        "late-certificate-refused-in-http",
        "certificates",
        "A client that cannot be asked late is refused in HTTP. Its TLS library has post-handshake "
        "authentication off, or sends nothing within a second. The HTTP.sys of Windows may close the "
        "connection.",
    ),
    Guess(
        "late-certificate-tls-1-2",
        "certificates",
        "TLS 1.2 is enough for `mutual-late`. HTTP.sys asks by renegotiation, which Python's TLS does not "
        "support, so the simulator asks such a client in the handshake.",
    ),
    Guess(
        "invalid-certificate-like-untrusted",
        "certificates",
        "A certificate that is not yet or no longer valid is refused like an untrusted one. So is one "
        "without any purpose, which Windows accepts for every purpose.",
    ),
    Guess(
        "no-revocation",
        "certificates",
        "Lists of revoked certificates are never read, and the authority has no intermediate certificates.",
    ),
    Guess(
        "open-after-refusal",
        "certificates",
        "The connection stays open after a refusal, and the client is asked again with its next request.",
    ),
    Guess(
        "public-calls",
        "certificates",
        "A client needs no certificate and no token for `/$/GetAadMetadata` and Service Fabric Explorer's "
        "page.",
    ),
    Guess("plain-http-closed", "certificates", "Plain HTTP on a port with TLS is closed without an answer."),
    Guess(
        "token-refused-with-401",
        "tokens",
        "A missing, unknown or expired token has the answer `401`: it may be `403`. It is `401`, too, with"
        " a good certificate and a bad token.",
    ),
    Guess(
        "no-entra-metadata",
        "tokens",
        "`type` is empty and `metadata` an empty object if there is no Entra ID.",
    ),
    Guess(
        "entra-errors",
        "tokens",
        "The words, statuses and order of the errors of Entra ID. Only what azure-identity reads is checked.",
    ),
    Guess(
        "token-content",
        "tokens",
        "Tokens are random texts, not JSON Web Tokens, and there are no roles. Of an assertion only the "
        "signature is checked.",
    ),
    Guess(
        "repeated-request-skips-no-domain",
        "rules",
        "A repeated request to start an upgrade domain never skips one, because it names the domain. The "
        "cluster manager may process the first request up to a minute later.",
    ),
    Guess(
        "empty-domain-skipped", "rules", "Service Fabric skips domains without replicas of the application."
    ),
    Guess(
        "manual-rollback-waits",
        "rules",
        "A rollback in the mode `UnmonitoredManual` waits before each domain, until the mode is changed to"
        " `UnmonitoredAuto`.",
    ),
    Guess(
        "bad-version-is-error-at-once",
        "rules",
        "In the simulator, the health of a bad version is Error as soon as more than the documented part "
        "of it runs. Real clusters need time to notice.",
    ),
)
