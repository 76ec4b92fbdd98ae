package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/util/flowcontrol"
)

const (
	// accessKept is how long an answer counts: long enough for the workloads of one
	// kubectl apply, short enough that a Role which has just been bound is soon heeded.
	accessKept = 5 * time.Second
	// maxAccessKept bounds the answers in memory.
	maxAccessKept = 1024
	// accessPerSecond bounds what the API server is asked, with as many at once: whoever reaches
	// the port can make up service accounts.
	accessPerSecond = 100
)

// cachedReviewer remembers what the API server said.
type cachedReviewer struct {
	AccessReviewer
	answers *cache.LRUExpireCache
	limiter flowcontrol.RateLimiter
}

// NewCachedReviewer asks each question once in a few seconds, and not too many of all.
func NewCachedReviewer(reviewer AccessReviewer) AccessReviewer {
	return &cachedReviewer{
		AccessReviewer: reviewer,
		answers:        cache.NewLRUExpireCache(maxAccessKept),
		limiter:        flowcontrol.NewTokenBucketRateLimiter(accessPerSecond, accessPerSecond),
	}
}

func (c *cachedReviewer) Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, options metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	key, err := json.Marshal(&review.Spec)
	if err != nil {
		return nil, fmt.Errorf("access review: %w", err)
	}
	if answer, found := c.answers.Get(string(key)); found {
		return answer.(*authorizationv1.SubjectAccessReview), nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	answer, err := c.AccessReviewer.Create(ctx, review, options)
	if err != nil {
		return nil, err
	}
	c.answers.Add(string(key), answer, accessKept)
	return answer, nil
}
