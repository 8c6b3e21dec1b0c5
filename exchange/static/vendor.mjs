// Copies what is served, and what documents are set in, from node_modules/ to vendor/<name>-<version>/, with a
// compressed twin of each text and a manifest of SHA-256 sums; then node_modules/ can go.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));

// package -> [folder name, files]; a package that only tests need may be missing.
const WANTED = {
  bootstrap: ["bootstrap", ["dist/css/bootstrap.min.css", "dist/js/bootstrap.bundle.min.js", "LICENSE"]],
  "htmx.org": ["htmx", ["dist/htmx.min.js", "LICENSE"]],
  echarts: ["echarts", ["dist/echarts.min.js", "LICENSE", "NOTICE"]],
  "@expo-google-fonts/noto-sans-sc": [
    "noto-sans-sc",
    ["400Regular/NotoSansSC_400Regular.ttf", "700Bold/NotoSansSC_700Bold.ttf", "LICENSE_FONT"],
  ],
  "axe-core": ["axe-core", ["axe.min.js", "LICENSE"]],
};
const FOR_TESTS = new Set(["axe-core"]);

// Bootstrap draws its marks in data: images, which the content security policy refuses; rongyi.css draws them anew.
const DATA_IMAGE = /url\(("?)data:image\/svg\+xml.*?\1\)/g;
const served = (file, bytes) => (file.endsWith(".css") ? Buffer.from(String(bytes).replace(DATA_IMAGE, "none")) : bytes);

const building = join(here, "vendor.building");
rmSync(building, { recursive: true, force: true });
const manifest = {};
for (const [name, [short, files]] of Object.entries(WANTED)) {
  const source = join(here, "node_modules", name);
  if (!existsSync(source) && FOR_TESTS.has(name)) continue;
  const { version, license } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  const folder = `${short}-${version}`;
  mkdirSync(join(building, folder), { recursive: true });
  for (const file of files) {
    const target = join(building, folder, basename(file));
    const bytes = served(file, readFileSync(join(source, file)));
    writeFileSync(target, bytes);
    if (/\.(css|js)$/.test(file)) writeFileSync(`${target}.gz`, gzipSync(bytes, { level: 9 }));
    if (/LICENSE|NOTICE/.test(file)) continue;
    const sha256 = createHash("sha256").update(bytes).digest("base64");
    manifest[basename(file)] = { path: `${folder}/${basename(file)}`, package: name, version, license, sha256 };
  }
}
writeFileSync(join(building, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
rmSync(join(here, "vendor"), { recursive: true, force: true });
renameSync(building, join(here, "vendor"));
