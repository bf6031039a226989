"""Sends spans to a collector by OTLP; imported only where somebody wants them, for its libraries are large."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from shared.trace_ids import begun_first, span_id


class _JobIds(RandomIdGenerator):
    """Gives a job's first span the ids that all others know; any other span a random one."""

    def generate_trace_id(self) -> int:
        job = begun_first()
        return job.int if job else super().generate_trace_id()

    def generate_span_id(self) -> int:
        job = begun_first()
        return span_id(job) if job else super().generate_span_id()


def exporting(service: str) -> TracerProvider:
    """Sends what this service tells, as the standard's variables say."""
    resource = Resource.create({"service.name": service, "service.namespace": "keepwatch"})
    provider = TracerProvider(resource=resource, id_generator=_JobIds(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
