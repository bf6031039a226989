"""What the gateway counts; labels are bounded and hold no names of hosts."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("keepwatch_http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("keepwatch_http_request_seconds", "Time until a request was answered", ["method", "route"])
AGENTS = Gauge("keepwatch_agents_connected", "Agents connected to this gateway")
LISTENERS = Gauge("keepwatch_live_streams", "Live event streams open at this gateway")
FRAMES = Counter("keepwatch_agent_frames", "Frames received from agents", ["type"])
