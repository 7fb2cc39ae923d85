import assert from "node:assert/strict";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { parseConfig } from "../../config/config.ts";
import { withSecretFiles } from "../../config/secret_files.ts";
import { groups } from "../../domain/messages/work.ts";
import { type Manifest, manifestFiles, readManifests, watched } from "./manifests.ts";

// No cluster is needed: the manifests are held against the schemas that Kubernetes and KEDA publish, and against the product.
// That pods start is not shown here.

// deno-lint-ignore no-explicit-any
const models: Record<string, new () => any> = {
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  NetworkPolicy,
  PodDisruptionBudget,
  ScaledObject,
  Secret,
  Service,
  ServiceAccount,
};

/** What is wrong with an object, by the schema of its kind; a field that the schema does not know is wrong. */
function faultsOf(manifest: Manifest): string[] {
  const { apiVersion, kind, ...rest } = manifest;
  const Model = models[kind];
  if (Model === undefined) return [`no schema of ${kind} is known here`];
  const unread = new Set<string>();
  // Its constructor reads all that it is given, so it gets nothing.
  const model = Object.assign(
    new Model(),
    ...Object.entries(rest).map(([key, value]) => ({ [key]: watched(value, `/${key}`, unread) })),
  );
  const faults = apiVersion === model.apiVersion ? [] : [`${apiVersion} is ${model.apiVersion}`];
  try {
    model.validate();
  } catch (error) {
    faults.push(String(error));
  }
  return [...faults, ...[...unread].map((path) => `${path} is not known`)];
}

async function allManifests(): Promise<Manifest[]> {
  const files = (await manifestFiles()).filter((path) =>
    path.endsWith(".yaml") && !path.endsWith("kustomization.yaml")
  );
  return (await Promise.all(files.map(readManifests))).flat();
}

async function ofKind(kind: string): Promise<Manifest[]> {
  return (await allManifests()).filter((manifest) => manifest.kind === kind);
}

/** Everything that makes pods. */
async function workloads(): Promise<Manifest[]> {
  return [...await ofKind("Deployment"), ...await ofKind("Job")];
}

const settings = async () =>
  Object.fromEntries(
    (await Deno.readTextFile(new URL("../../ops/kubernetes/settings.env", import.meta.url)))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );

Deno.test("every manifest follows the published schema of its kind, without a field that it does not know", async () => {
  for (const manifest of await allManifests()) {
    assert.deepEqual(faultsOf(manifest), [], `${manifest.kind} ${manifest.metadata.name}`);
  }
  const [api] = await readManifests("api.yaml");
  const changed = (change: (container: Manifest["spec"]) => void) => {
    const other = structuredClone(api!);
    change(other.spec.template.spec.containers[0]);
    return faultsOf(other);
  };
  assert.deepEqual(changed((container) => container.readinesProbe = {}), [
    "/spec/template/spec/containers/0/readinesProbe is not known",
  ]);
  const mistyped = changed((container) => container.ports[0].containerPort = "http");
  assert.match(mistyped.join(), /containerPort must be integer/);
});

Deno.test("kustomization.yaml brings every manifest but the example of secrets", async () => {
  const [base] = await readManifests("kustomization.yaml");
  const [keda] = await readManifests("keda/kustomization.yaml");
  const brought = [
    ...base!.resources,
    ...keda!.resources.map((path: string) => `keda/${path}`),
    ...base!.configMapGenerator.flatMap(({ envs }: { envs: string[] }) => envs),
    "keda/kustomization.yaml",
    "kustomization.yaml",
    "secrets.example.yaml",
  ];
  assert.deepEqual(await manifestFiles(), brought.sort());
  assert.deepEqual([base!.kind, keda!.kind], ["Kustomization", "Component"]);
});

Deno.test("the settings and secrets of the manifests are such that the product starts with them", async () => {
  const secrets = await ofKind("Secret");
  const example: Record<string, string> = {
    "database-url": "mysql://orders:p@mysql.databases.svc:3306/orders?ssl-mode=verify-identity",
    "api-tokens": `web-store:${"0".repeat(64)}:orders+read`,
  };
  for (const workload of await workloads()) {
    const { containers: [container], volumes } = workload.spec.template.spec;
    const own = (container.env ?? []).map((
      { name, value }: Record<string, string>,
    ) => [name, value]);
    // Whoever has a provider adds its secrets to the settings, and to the secrets of who charges.
    const added = { STRIPE_SECRET_KEY_FILE: "/run/secrets/orders/stripe-secret-key" };
    const shared = container.envFrom === undefined ? {} : { ...await settings(), ...added };
    const env = { ...shared, ...Object.fromEntries(own) };
    const { secretName } = volumes.find(({ name }: { name: string }) => name === "secrets").secret;
    const secret = secrets.find(({ metadata }) => metadata.name === secretName)!;
    const read = (path: string) => {
      const [, name = ""] = /^\/run\/secrets\/orders\/(.+)$/.exec(path) ?? [];
      if (name === "stripe-secret-key" && secretName === "orders-secrets") return "sk_live_1";
      assert.ok(name in secret.stringData, `${secretName} has ${path}`);
      return example[name] ?? secret.stringData[name];
    };
    const config = parseConfig(withSecretFiles(env, read));
    assert.equal(config.autoMigrate, false, workload.metadata.name);
    assert.ok(config.requireSettings);
    const grace = workload.spec.template.spec.terminationGracePeriodSeconds ?? 30;
    assert.ok(grace * 1_000 > config.shutdownTimeoutMs + 1_000, workload.metadata.name);
  }
});

Deno.test("pods run tasks, as nobody in particular, and write to volumes alone", async () => {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const accounts = (await ofKind("ServiceAccount")).map(({ metadata }) => metadata.name);
  for (const workload of await workloads()) {
    const { name } = workload.metadata;
    const pod = workload.spec.template.spec;
    assert.equal(pod.containers.length, 1, name);
    const [container] = pod.containers;
    const [deno, task, command] = container.command;
    assert.deepEqual([deno, task], ["deno", "task"], name);
    assert.ok(command in tasks, `${name}: ${command}`);
    assert.ok(accounts.includes(pod.serviceAccountName), name);
    assert.equal(pod.automountServiceAccountToken, false, name);
    assert.partialDeepStrictEqual(pod.securityContext, { runAsNonRoot: true, runAsUser: 1993 });
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    assert.ok(container.resources.requests.memory && container.resources.limits.memory, name);
    assert.deepEqual(
      container.volumeMounts.map((mount: { name: string }) => mount.name).sort(),
      pod.volumes.map((volume: { name: string }) => volume.name).sort(),
    );
  }
  const [migrate] = await ofKind("Job");
  const [api] = await readManifests("api.yaml");
  const podOf = (manifest: Manifest) => manifest.spec.template.spec;
  assert.notEqual(podOf(migrate!).serviceAccountName, podOf(api!).serviceAccountName);
  assert.deepEqual(
    podOf(api!).containers[0].volumeMounts.map((mount: { mountPath: string }) => mount.mountPath),
    ["/run/secrets/orders", "/app/.data/tmp", "/tmp"],
  );
});

Deno.test("probes ask for what is answered, on ports that the settings open", async () => {
  const { PORT, HEALTH_PORT } = await settings();
  for (const deployment of await ofKind("Deployment")) {
    const [container] = deployment.spec.template.spec.containers;
    const [port] = container.ports;
    const serves = container.command[2] === "serve";
    assert.equal(port.containerPort, Number(serves ? PORT : HEALTH_PORT));
    const paths = { startupProbe: "/livez", livenessProbe: "/livez", readinessProbe: "/readyz" };
    for (const [probe, path] of Object.entries(paths)) {
      assert.deepEqual(container[probe].httpGet, { path, port: port.name });
    }
  }
});

Deno.test("each group has consumers, a budget and a scaler, and everything meets the pods that it is for", async () => {
  const deployments = await ofKind("Deployment");
  const consumers = deployments.filter(({ spec }) =>
    spec.template.spec.containers[0].command[2] === "consume"
  );
  const commands = consumers.map(({ spec }) => spec.template.spec.containers[0].command[3]);
  assert.deepEqual(commands.sort(), groups.map((group) => `--group=${group}`).sort());
  const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
  for (const { spec, metadata } of deployments) {
    assert.partialDeepStrictEqual(spec.template.metadata.labels, spec.selector.matchLabels);
    const met = labels.filter((pod) =>
      Object.entries(spec.selector.matchLabels).every(([key, value]) => pod[key] === value)
    );
    assert.equal(met.length, 1, metadata.name);
  }
  const names = deployments.map(({ metadata }) => metadata.name).sort();
  const scaled = [...await ofKind("HorizontalPodAutoscaler"), ...await ofKind("ScaledObject")]
    .map(({ spec }) => spec.scaleTargetRef.name);
  assert.deepEqual(scaled.sort(), names);
  const budgets = await ofKind("PodDisruptionBudget");
  assert.deepEqual(budgets.map(({ metadata }) => metadata.name).sort(), names);
  for (const { spec } of [...budgets, ...await ofKind("Service")]) {
    const wanted = spec.selector.matchLabels ?? spec.selector;
    assert.ok(
      labels.some((pod) => Object.entries(wanted).every(([key, value]) => pod[key] === value)),
    );
  }
  // Whoever is scaled by something must not be scaled back by each apply.
  const api = deployments.find(({ metadata }) => metadata.name === "orders-api")!;
  assert.equal(api.spec.replicas, undefined);
});

Deno.test("every pod is closed off by a network policy", async () => {
  const [all] = await ofKind("NetworkPolicy");
  const { key, operator, values } = all!.spec.podSelector.matchExpressions[0];
  assert.deepEqual([operator, all!.spec.policyTypes, all!.spec.ingress], ["In", [
    "Ingress",
    "Egress",
  ], []]);
  for (const { spec, metadata } of await workloads()) {
    assert.ok(values.includes(spec.template.metadata.labels[key]), metadata.name);
  }
});
