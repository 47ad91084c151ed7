"""Visits to web servers: by their rules, slowly, and without giving up too early or too late."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatsphere.services.content.fetch import Fetcher, FetchLimits
from chatsphere.services.content.polite import Known, PoliteFetcher
from chatsphere.services.errors import FetchFailed, FetchRefused, LimitExceeded
from tests.stubs.website import Answer, Website, serving


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def site() -> Iterator[Website]:
    with serving() as website:
        yield website


@pytest.fixture
def hours() -> Time:
    return Time()


@pytest.fixture
def polite(hours: Time) -> PoliteFetcher:
    limits = FetchLimits(connect_seconds=1, total_seconds=1, max_bytes=100_000)
    fetcher = Fetcher(allow_loopback=True, limits=limits, user_agent="ChatSphere/1 (+http://here.example)")
    return PoliteFetcher(fetcher, clock=hours.clock, sleep=hours.sleep)


def robots(site: Website, text: str, status: int = 200) -> None:
    site.pages["/robots.txt"] = Answer(text.encode(), status)


def test_it_says_who_it_is(site: Website, polite: PoliteFetcher) -> None:
    site.page("/", "<p>Hello</p>")
    assert polite.get(f"{site.url}/").status == 200
    assert site.agents == {"ChatSphere/1 (+http://here.example)"}


def test_a_host_is_asked_once_a_second(site: Website, polite: PoliteFetcher, hours: Time) -> None:
    site.page("/", "<p>Hello</p>")
    for _ in range(4):
        polite.get(f"{site.url}/")
    assert hours.slept == [1.0, 1.0, 1.0]
    hours.now += 5
    polite.get(f"{site.url}/")
    assert hours.slept == [1.0, 1.0, 1.0]


def test_robots_txt_is_read_once_an_hour(site: Website, polite: PoliteFetcher, hours: Time) -> None:
    site.page("/", "<p>Hello</p>")
    polite.get(f"{site.url}/")
    polite.get(f"{site.url}/")
    assert [path for path, _ in site.seen].count("/robots.txt") == 1
    hours.now += 3601
    polite.get(f"{site.url}/")
    assert [path for path, _ in site.seen].count("/robots.txt") == 2


@pytest.mark.parametrize(
    ("rules", "path", "is_allowed"),
    [
        ("User-agent: *\nDisallow: /private", "/private/a", False),
        ("User-agent: *\nDisallow: /private", "/public", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nDisallow:\n\nUser-agent: chatsphere\nDisallow: /", "/", False),
        ("User-agent: SomebodyElse\nDisallow: /", "/", True),
    ],
)
def test_robots_txt_is_obeyed(site: Website, polite: PoliteFetcher, rules: str, path: str, is_allowed: bool) -> None:
    robots(site, rules)
    site.page(path, "<p>Hello</p>")
    assert polite.allows(site.url + path) is is_allowed
    if is_allowed:
        assert polite.get(site.url + path).status == 200
    else:
        with pytest.raises(FetchRefused, match=r"robots\.txt"):
            polite.get(site.url + path)
        assert site.paths() == []


def test_robots_txt_holds_for_redirects_too(site: Website, polite: PoliteFetcher) -> None:
    robots(site, "User-agent: *\nDisallow: /private")
    site.pages["/a"] = Answer(status=302, headers={"Location": "/private"})
    with pytest.raises(FetchRefused, match=r"robots\.txt"):
        polite.get(f"{site.url}/a")
    assert site.paths() == ["/a"]


def test_a_crawl_delay_is_kept_and_an_absurd_one_shortened(site: Website, polite: PoliteFetcher, hours: Time) -> None:
    robots(site, "User-agent: *\nCrawl-delay: 7")
    site.page("/", "<p>Hello</p>")
    polite.get(f"{site.url}/")
    polite.get(f"{site.url}/")
    assert hours.slept == [7.0]
    hours.now += 4000
    robots(site, "User-agent: *\nCrawl-delay: 86400")
    polite.get(f"{site.url}/")
    polite.get(f"{site.url}/")
    assert hours.slept == [7.0, 60.0]


def test_a_broken_robots_txt_keeps_us_away_for_now(site: Website, polite: PoliteFetcher) -> None:
    robots(site, "", 503)
    site.page("/", "<p>Hello</p>")
    with pytest.raises(FetchFailed, match=r"robots\.txt"):
        polite.get(f"{site.url}/")
    robots(site, "", 404)
    assert polite.get(f"{site.url}/").status == 200


def test_an_unchanged_page_is_not_sent_again(site: Website, polite: PoliteFetcher) -> None:
    site.page("/", "<p>Hello</p>")
    first = polite.get(f"{site.url}/")
    again = polite.get(f"{site.url}/", known=Known(first.url, etag=first.headers["etag"]))
    assert (again.status, again.body) == (304, b"")
    site.pages["/"].has_etag = False
    site.pages["/"].headers["Last-Modified"] = "Sun, 01 Nov 2026 10:00:00 GMT"
    known = Known(first.url, last_modified="Sun, 01 Nov 2026 10:00:00 GMT")
    assert polite.get(f"{site.url}/", known=known).status == 304


def test_what_is_known_of_one_address_is_not_asked_of_another(site: Website, polite: PoliteFetcher) -> None:
    site.page("/b", "<p>Hello</p>")
    first = polite.get(f"{site.url}/b")
    site.pages["/a"] = Answer(status=302, headers={"Location": "/b"})
    assert polite.get(f"{site.url}/a", known=Known(f"{site.url}/a", first.headers["etag"])).status == 200
    assert polite.get(f"{site.url}/a", known=Known(f"{site.url}/b", first.headers["etag"])).status == 304


def test_redirects_are_followed_and_told(site: Website, polite: PoliteFetcher) -> None:
    site.pages["/a"] = Answer(status=301, headers={"Location": "b?x=1"})
    site.pages["/b?x=1"] = Answer(status=308, headers={"Location": "/c"})
    site.page("/c", "<p>Here</p>")
    answer = polite.get(f"{site.url}/a")
    assert answer.url == f"{site.url}/c"
    assert answer.redirects == (f"{site.url}/a", f"{site.url}/b?x=1")


def test_a_page_that_sends_on_at_once_is_a_redirect(site: Website, polite: PoliteFetcher) -> None:
    site.page("/a", "moving", head='<meta http-equiv="refresh" content="0; url=/b">')
    site.page("/b", "<p>Here</p>")
    answer = polite.get(f"{site.url}/a")
    assert (answer.url, answer.redirects) == (f"{site.url}/b", (f"{site.url}/a",))
    site.page("/in", "moving", head='<meta http-equiv="refresh" content="0; url=http://10.0.0.1/">')
    with pytest.raises(FetchRefused, match="private network"):
        polite.get(f"{site.url}/in")
    site.page("/b", "<p>Here</p>", head='<meta http-equiv="refresh" content="0; url=/a">')
    assert polite.get(f"{site.url}/a").url == f"{site.url}/b", "in circles: the last one is read"


def test_circles_end(site: Website, polite: PoliteFetcher) -> None:
    site.pages["/a"] = Answer(status=302, headers={"Location": "/b"})
    site.pages["/b"] = Answer(status=302, headers={"Location": "/a"})
    with pytest.raises(LimitExceeded):
        polite.get(f"{site.url}/a")
    assert len(site.paths()) == 2


def test_a_redirect_into_a_private_network_is_refused(site: Website, polite: PoliteFetcher) -> None:
    site.pages["/a"] = Answer(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    with pytest.raises(FetchRefused, match="private network"):
        polite.get(f"{site.url}/a")


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, None), ({"Retry-After": "17"}, 17), ({"Retry-After": "600"}, 600)]
)
def test_a_busy_server_is_left_with_the_time_that_it_asks_for(
    site: Website, polite: PoliteFetcher, hours: Time, headers: dict[str, str], seconds: float | None
) -> None:
    site.pages["/"] = Answer(status=503, headers=headers)
    with pytest.raises(FetchFailed, match="503") as failure:
        polite.get(f"{site.url}/")
    assert failure.value.retry_after == seconds
    assert (site.paths(), hours.slept) == (["/"], []), "who asked waits, not the fetcher"


def test_a_visit_begins_when_it_may_and_its_redirects_follow_within_a_second(
    site: Website, polite: PoliteFetcher, hours: Time
) -> None:
    robots(site, "User-agent: *\nCrawl-delay: 20")
    site.pages["/a"] = Answer(status=302, headers={"Location": "/b"})
    site.page("/b", "<p>Here</p>")
    turns: list[tuple[str, float]] = []
    polite.get(f"{site.url}/a", begin=lambda host, seconds: turns.append((host, seconds)))
    assert turns == [(site.url.removeprefix("http://"), 20.0)]
    assert hours.slept == [1.0]


@pytest.mark.parametrize("answer", [Answer(b"half", is_broken=True), Answer(b"late", seconds=2)])
def test_broken_and_slow_servers_are_failures(site: Website, polite: PoliteFetcher, answer: Answer) -> None:
    site.pages["/"] = answer
    answer.headers["Content-Type"] = "text/html"
    with pytest.raises(FetchFailed):
        polite.get(f"{site.url}/")


def test_what_nobody_reads_is_not_loaded(site: Website, polite: PoliteFetcher) -> None:
    site.pages["/film"] = Answer(b"x" * 1_000_000, headers={"Content-Type": "video/mp4"})
    answer = polite.get(f"{site.url}/film")
    assert (answer.status, answer.body) == (200, b"")


def test_what_is_too_long_is_refused(site: Website, polite: PoliteFetcher) -> None:
    site.pages["/long"] = Answer(b"x" * 100_001, headers={"Content-Type": "text/plain"})
    with pytest.raises(LimitExceeded):
        polite.get(f"{site.url}/long")


def test_where_a_redirect_leads_is_told_when_that_may_not_be_reached(site: Website, polite: PoliteFetcher) -> None:
    for target, reason in (("http://10.0.0.1/x", "private network"), ("javascript:alert(1)", "begins with http")):
        site.pages["/a"] = Answer(status=302, headers={"Location": target})
        with pytest.raises(FetchRefused, match=reason) as refused:
            polite.get(f"{site.url}/a")
        assert refused.value.message.startswith(f"This page leads on to {target}. ")


def test_redirects_share_the_time_of_one_visit(site: Website, polite: PoliteFetcher) -> None:
    for number in range(4):
        site.pages[f"/{number}"] = Answer(status=302, headers={"Location": f"/{number + 1}"}, seconds=0.4)
    site.page("/4", "<p>Hello</p>")
    with pytest.raises(FetchFailed, match="in time"):
        polite.get(f"{site.url}/0")
