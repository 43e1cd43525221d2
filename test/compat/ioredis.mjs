// Runs testdata/script.json through ioredis, and uses it as programs do. Called by ioredis_test.go:
//
//   node ioredis.mjs cluster|plain
//
// with KATAKV_CLUSTER_ADDRS, KATAKV_PLAIN_ADDRS and KATAKV_PREFIX in the environment.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Cluster, Redis } from "ioredis";

const mode = process.argv[2];
const prefix = process.env.KATAKV_PREFIX;
const addresses = (name) =>
  process.env[name].split(",").map((addr) => {
    const colon = addr.lastIndexOf(":");
    return { host: addr.slice(0, colon), port: Number(addr.slice(colon + 1)) };
  });

let failures = 0;
function fail(...words) {
  failures++;
  console.error(...words);
}

async function runScript(client, prefix) {
  const script = JSON.parse(readFileSync(new URL("testdata/script.json", import.meta.url)));
  for (const step of script) {
    if (step.only && step.only !== mode) continue;
    const args = step.do.map((arg, i) => (step.keys?.includes(i) ? prefix + arg : arg));
    let got, error;
    try {
      got = await client.call(...args);
    } catch (e) {
      error = e;
    }
    if (step.error) {
      if (!error?.message.startsWith(step.error)) fail(step.do, "got", got, error?.message, "want error", step.error);
    } else if (error) {
      fail(step.do, "got error", error.message, "want", step.want);
    } else if (!isDeepStrictEqual(got, step.want)) {
      fail(step.do, "got", got, "want", step.want);
    }
  }
}

// use writes many keys at once, reads them back as bytes, and counts concurrently.
async function use(client, prefix) {
  const keys = Array.from({ length: 500 }, (_, i) => `${prefix}bulk:${i}`);
  const value = (i) => Buffer.concat([Buffer.from(`value ${i}\r\n`), Buffer.from([0, 255, 10])]);
  await Promise.all(keys.map((key, i) => client.set(key, value(i))));
  const got = await Promise.all(keys.map((key) => client.getBuffer(key)));
  got.forEach((bytes, i) => {
    if (!bytes?.equals(value(i))) fail(keys[i], "got", bytes);
  });
  const counts = await Promise.all(Array.from({ length: 200 }, () => client.incr(prefix + "counter")));
  if (Math.max(...counts) !== 200 || new Set(counts).size !== 200) fail("counter: got", counts);
  const replies = await client.pipeline().set(prefix + "{p}1", "a").get(prefix + "{p}1").del(prefix + "{p}1").exec();
  if (!isDeepStrictEqual(replies, [[null, "OK"], [null, "a"], [null, 1]])) fail("pipeline: got", replies);
}

async function run(client, prefix) {
  client.on("error", (e) => fail("connection:", e.message));
  try {
    await runScript(client, prefix);
    await use(client, prefix);
  } finally {
    client.disconnect();
  }
}

if (mode === "cluster") {
  for (const enableAutoPipelining of [false, true]) {
    await run(new Cluster(addresses("KATAKV_CLUSTER_ADDRS"), { enableAutoPipelining }), prefix + enableAutoPipelining);
  }
} else {
  for (const [i, addr] of addresses("KATAKV_PLAIN_ADDRS").entries()) {
    await run(new Redis({ ...addr, enableAutoPipelining: i % 2 === 1 }), prefix + i);
  }
}
if (failures > 0) process.exit(1);
console.log("ioredis: ok");
