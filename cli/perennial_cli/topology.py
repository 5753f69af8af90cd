"""What this deployment is made of: topics and who may touch them, from the catalogue of contracts."""

from perennial.contracts.catalogue import READS, TOPICS, readers
from perennial.contracts.platform import SERVICES
from perennial.kit.settle import Graph
from perennial_embedded.access import Access, TopicSpec

OBSERVER = "oncall"


def access() -> Access:
    """Every topic with its one writer and its readers; everything else is denied."""
    topics = [
        TopicSpec(topic.name, topic.partitions, [topic.writer], list(readers(topic)))
        for topic in TOPICS.values()
    ]
    return Access(topics, observers=[OBSERVER])


def graph() -> Graph:
    """Who reads what among the services, for settling."""
    reads = {service: tuple(topic.name for topic in READS[service]) for service in SERVICES}
    return Graph(SERVICES, reads)
