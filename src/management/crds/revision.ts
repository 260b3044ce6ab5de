/**
 * Which revision of the objects this is. A server never replaces those of a higher one. It rises with each release in
 * which the objects differ, and what they say only grows: older agents go on using them.
 */
export const REVISION = 1;

/** Of all objects, so that a server sees without making them that they are there. `npm run docs` writes it. */
export const DIGEST = "1b042cb9a1073d03";

export const REVISION_ANNOTATION = "k3os.io/crd-revision";
export const DIGEST_ANNOTATION = "k3os.io/digest";

/** The object that is applied last: its annotations say what all of them are. */
export const LAST_OBJECT = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k3os:agent";
