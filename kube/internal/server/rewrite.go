package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3os.io/kube/internal/encryption"
)

// page is how many Secrets are read at once.
const page = 200

// rewrite updates each Secret with what it has: the API server writes those whose stored form would be another one.
func (e *secretsEncryption) rewrite(ctx context.Context) error {
	next := ""
	for {
		list, err := e.client.CoreV1().Secrets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{Limit: page, Continue: next})
		if apierrors.IsResourceExpired(err) && next != "" {
			next = "" // it took too long: those that are done are not written again
			continue
		}
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := e.rewriteOne(ctx, &list.Items[i]); err != nil {
				return err
			}
			e.progress.one()
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

func (e *secretsEncryption) rewriteOne(ctx context.Context, s *corev1.Secret) error {
	_, err := e.client.CoreV1().Secrets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // somebody else has just written it anew, or deleted it
	}
	if err != nil {
		return fmt.Errorf("Secret %s of namespace %s: %w", s.Name, s.Namespace, err)
	}
	return nil
}

// secretsPrefix is where the API server keeps Secrets.
const secretsPrefix = "/registry/secrets/"

// count looks into the datastore: how many Secrets there are, and how many of them are stored as the configuration
// writes.
func (e *secretsEncryption) count(ctx context.Context, c encryption.Config) (total, upToDate int, err error) {
	prefix := c.Prefix()
	from, end := secretsPrefix, clientv3.GetPrefixRangeEnd(secretsPrefix)
	for {
		answer, err := e.datastore.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page))
		if err != nil {
			return 0, 0, err
		}
		for _, one := range answer.Kvs {
			total++
			isPlain := !bytes.HasPrefix(one.Value, []byte("k8s:enc:"))
			if prefix == nil && isPlain || prefix != nil && bytes.HasPrefix(one.Value, prefix) {
				upToDate++
			}
		}
		if !answer.More || len(answer.Kvs) == 0 {
			return total, upToDate, nil
		}
		from = string(slices.Concat(answer.Kvs[len(answer.Kvs)-1].Key, []byte{0}))
	}
}
