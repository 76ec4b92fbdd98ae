package node
import (
 _ "github.com/fsnotify/fsnotify"
 _ "github.com/google/go-containerregistry/pkg/v1/tarball"
 _ "k8s.io/client-go/kubernetes"
 _ "k8s.io/client-go/tools/clientcmd"
 _ "sigs.k8s.io/yaml"
 _ "go.yaml.in/yaml/v3"
 _ "github.com/google/go-cmp/cmp"
 _ "golang.org/x/sys/unix"
)
