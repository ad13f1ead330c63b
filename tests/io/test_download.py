# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Downloads from servers that break off, lie about the length, and serve other files."""

import hashlib
import threading

import pytest

from mmgen_bdinvert.io import DownloadError, OutputError, download, file_digest

CONTENT = bytes(range(256)) * 5_000
SHA = hashlib.sha256(CONTENT).hexdigest()
KNOWN = dict(size=len(CONTENT), sha256=SHA)


@pytest.fixture()
def server(serve):
    return serve(CONTENT)


@pytest.fixture()
def target(tmp_path):
    return tmp_path / 'hub' / 'weights.pth'


def part_of(target):
    return target.with_name(f'.mmgen_bdinvert-{target.name}.part')


def keep(target, data):
    """Leave what an interrupted download has received."""
    target.parent.mkdir()
    part_of(target).write_bytes(data)


def refused(server, target, match, **known):
    with pytest.raises(DownloadError, match=match) as info:
        download(server.url, target, **known)
    assert '\n' not in str(info.value) and not target.exists()


@pytest.mark.parametrize('known', [{}, dict(size=len(CONTENT)), dict(sha256=SHA[:8]), KNOWN])
def test_a_file_arrives_once(known, server, target):
    seen = []
    for _ in range(2):
        download(server.url, target, on_bytes=lambda *state: seen.append(state), **known)
    assert target.read_bytes() == CONTENT and file_digest(target) == SHA
    assert server.ranges == [None]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and not part_of(target).exists()


@pytest.mark.parametrize('takes_ranges', [True, False])
def test_a_broken_connection_is_taken_up_again(takes_ranges, server, target):
    server.takes_ranges, server.breaks_after = takes_ranges, [300_000, 400_000, 500_000]
    download(server.url, target, **KNOWN)
    assert target.read_bytes() == CONTENT and server.ranges[1] == 'bytes=300000-'
    if takes_ranges:
        assert server.ranges[2] == 'bytes=700000-'


def test_what_an_earlier_call_received_is_kept(server, target):
    server.breaks_after = [300_000, 0]
    refused(server, target, 'broke off after 300,000 of 1,280,000 bytes', **KNOWN)
    download(server.url, target, **KNOWN)
    assert server.ranges == [None, 'bytes=300000-', 'bytes=300000-']
    assert target.read_bytes() == CONTENT


def test_without_a_digest_parts_of_two_files_are_not_put_together(server, target):
    keep(target, b'other' * 1000)
    download(server.url, target)
    assert server.ranges == [None] and target.read_bytes() == CONTENT


@pytest.mark.parametrize('size', [None, len(CONTENT)])
def test_a_longer_part_than_the_file_is_dropped(size, server, target):
    keep(target, CONTENT + b'more')
    download(server.url, target, size=size, sha256=SHA)
    assert target.read_bytes() == CONTENT


def test_a_complete_part_needs_no_server(server, target):
    keep(target, CONTENT)
    download(server.url, target, **KNOWN)
    assert server.ranges == [] and target.read_bytes() == CONTENT


def test_another_announced_length_is_refused_before_anything_arrives(server, target):
    refused(server, target, 'announces 1,280,000 bytes instead of 7', size=7, sha256=SHA)
    assert not part_of(target).exists()


@pytest.mark.parametrize('known', [{}, KNOWN])
def test_a_server_that_announces_too_much(known, server, target):
    server.claims = len(CONTENT) + 10
    refused(server, target, 'HTTP Error 416|instead of', **known)


def test_a_server_that_announces_too_little(server, target):
    server.claims = 1000
    refused(server, target, 'sends another file', sha256=SHA)
    refused(server, target, 'announces 1,000 bytes', **KNOWN)


def test_an_endless_answer_ends_at_the_size(serve, target):
    server = serve(CONTENT * 20)
    server.claims = 'none'
    refused(server, target, 'sends more than 1,280,000 bytes', **KNOWN)
    assert not part_of(target).exists()
    refused(server, target, 'does not say how large')


def test_another_file_is_refused_and_forgotten(serve, target):
    server = serve(CONTENT[::-1])
    refused(server, target, f'another file than weights.pth.*should be {SHA}', **KNOWN)
    server.content = CONTENT
    download(server.url, target, **KNOWN)
    assert target.read_bytes() == CONTENT


def test_a_part_of_another_file_is_noticed(server, target):
    keep(target, b'?' * 1000)
    refused(server, target, 'sends another file', **KNOWN)
    download(server.url, target, **KNOWN)
    assert target.read_bytes() == CONTENT


def test_another_part_than_the_one_that_was_asked_for(server, target):
    keep(target, CONTENT[:1000])
    server.shift = 5
    refused(server, target, 'sends bytes from 1,005 on instead of 1,000', **KNOWN)


@pytest.mark.parametrize('status', [404, 403, 500])
def test_an_error_of_the_server(status, server, target):
    server.status = status
    refused(server, target, f'HTTP Error {status}')
    assert len(server.ranges) == 1


def test_nobody_answers(server, target):
    server.close()
    refused(server, target, r'could not be downloaded from http://127.*\(Connection refused\)')


def test_two_processes_download_once(server, target):
    threads = [
        threading.Thread(target=download, args=(server.url, target), kwargs=KNOWN) for _ in '12'
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.ranges == [None] and target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='is a file'):
        download(server.url, tmp_path / 'file' / 'weights.pth')


def test_a_full_disk_is_said_as_such(server, target):
    target.parent.mkdir()
    part_of(target).symlink_to('/dev/full')
    with pytest.raises(OutputError, match='No space left'):
        download(server.url, target, sha256=SHA)
