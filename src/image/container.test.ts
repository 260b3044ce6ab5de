import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Container, configOf, formatConfig, formatContainer, parseContainer } from "./container.ts";
import { configForNames, filesOf, LAYER_TYPE, namesIn } from "./oci.ts";

const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);
const layer = fc
  .record({ name: fc.constantFrom(undefined, "vmlinuz", "root.squashfs"), digest, diffId: digest, size: fc.nat() })
  .map(({ name, ...rest }) => ({ ...(name !== undefined && { name }), mediaType: LAYER_TYPE, ...rest }));
const container: fc.Arbitrary<Container> = fc.record({
  version: fc.stringMatching(/^\w[\w.+~-]{0,20}$/),
  architecture: fc.constantFrom("amd64", "arm64"),
  time: fc.nat(),
  layers: fc.array(layer),
});

describe("a container image", () => {
  it("says in its config and its manifest all that it is made of", () => {
    fc.assert(
      fc.property(container, digest, (image, config) => {
        const [text, manifest] = [formatConfig(image), formatContainer({ digest: config, size: 1 }, image.layers)];
        expect(parseContainer(manifest, text, "m")).toEqual(image);
        expect(configOf(manifest, "m")).toBe(config);
      }),
    );
  });

  it("names its files in the config as in the manifest, for tools that drop annotations", () => {
    fc.assert(
      fc.property(container, digest, (image, config) => {
        const manifest = formatContainer({ digest: config, size: 1 }, image.layers);
        const bare = formatContainer(
          { digest: config, size: 1 },
          image.layers.map(({ name: _, ...rest }) => rest),
        );
        expect(filesOf(bare, "m", namesIn(formatConfig(image), "m"))).toEqual(filesOf(manifest, "m"));
        expect(configForNames(bare, "m")).toBe(config);
        const isNamed = image.layers.some(({ name }) => name !== undefined);
        expect(configForNames(manifest, "m")).toBe(isNamed ? undefined : config);
      }),
    );
  });

  it.each(["{}", '{"layers":[{}]}', "x"])("is refused if its manifest is %j", (manifest) => {
    expect(() => parseContainer(manifest, "{}", "m")).toThrow("what the registry has at m is no image of k3OS");
  });
});
