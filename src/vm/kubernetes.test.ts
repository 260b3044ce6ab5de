import { expect, it } from "vitest";
import { rewriteKubeconfig } from "./kubernetes.ts";

it("leads kubectl to the forwarded port and changes nothing else", () => {
  const text =
    "clusters:\n- cluster:\n    certificate-authority-data: QQ==\n    server: https://127.0.0.1:6443\n  name: default\n";
  expect(rewriteKubeconfig(text, 40001)).toBe(text.replace("6443", "40001"));
});
