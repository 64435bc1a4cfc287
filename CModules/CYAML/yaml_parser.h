// libyaml: YAML 1.1 text as a stream of events with their line numbers.
#include <yaml.h>
