"""The Python SDK `notion-client`, unmodified but for its base URL."""

from notion_client import APIResponseError, Client
from notion_client.helpers import collect_paginated_api, is_full_database, is_full_page

HI = [{"text": {"content": "hi"}}]


def live(url, token):
    notion = Client(auth=token, base_url=url)
    assert notion.users.me()["type"] == "bot"
    assert {user["type"] for user in notion.users.list()["results"]} == {"bot", "person"}

    database = notion.databases.create(
        parent={"type": "workspace", "workspace": True},
        title=[{"type": "text", "text": {"content": "Kitchen"}}],
        initial_data_source={"properties": {"Name": {"title": {}}, "N": {"number": {}}, "Tags": {"multi_select": {}}}},
    )
    assert is_full_database(database)
    rows = database["data_sources"][0]["id"]
    parent = {"type": "data_source_id", "data_source_id": rows}

    def row(name, **properties):
        return notion.pages.create(
            parent=parent, properties={"Name": {"title": [{"text": {"content": name}}]}, **properties}
        )

    made = [row(f"Row {n}", N={"number": n}, Tags={"multi_select": [{"name": "a"}, {"name": "b"}]})["id"] for n in range(5)]
    seen = collect_paginated_api(notion.data_sources.query, data_source_id=rows, page_size=2)
    assert {page["id"] for page in seen} == set(made) and all(map(is_full_page, seen))
    some = notion.data_sources.query(
        data_source_id=rows,
        filter={"and": [{"property": "N", "number": {"greater_than": 1}}, {"property": "Tags", "multi_select": {"contains": "b"}}]},
        sorts=[{"property": "N", "direction": "descending"}],
    )
    assert [page["properties"]["N"]["number"] for page in some["results"]] == [4, 3, 2]

    page = made[0]
    notion.pages.update(page, properties={"N": {"number": None}}, icon={"type": "emoji", "emoji": "🙂"})
    assert notion.pages.retrieve(page)["properties"]["N"]["number"] is None
    notion.blocks.children.append(page, children=[{"paragraph": {"rich_text": HI}}, {"to_do": {"rich_text": HI, "checked": True}}])
    assert [block["type"] for block in notion.blocks.children.list(page)["results"]] == ["paragraph", "to_do"]
    assert notion.pages.retrieve_markdown(page)["markdown"] == "hi\n- [x] hi"
    notion.comments.create(parent={"page_id": page}, rich_text=HI)
    assert notion.comments.list(block_id=page)["results"][0]["rich_text"][0]["plain_text"] == "hi"

    upload = notion.file_uploads.create(mode="single_part", filename="a.txt", content_type="text/plain")
    assert upload["status"] == "pending"
    assert notion.file_uploads.send(upload["id"], file=("a.txt", b"hello", "text/plain"))["status"] == "uploaded"
    view = notion.views.create(database_id=database["id"], data_source_id=rows, type="table", name="All")
    assert notion.views.retrieve(view["id"])["name"] == "All"
    assert any(found["id"] == rows for found in notion.search(query="Kitchen")["results"])
    assert notion.pages.update(page, in_trash=True)["in_trash"]
    assert len(notion.data_sources.query(rows)["results"]) == 4

    refused(lambda: row("x", Nope={"number": 1}), 400, "validation_error", "Nope is not a property that exists.")
    refused(
        lambda: notion.pages.retrieve("123"), 400, "validation_error",
        'path failed validation: path.page_id should be a valid uuid, instead was `"123"`.',
    )
    refused(lambda: notion.pages.retrieve("11111111-1111-4111-8111-111111111111"), 404, "object_not_found", "Could not find page")
    refused(lambda: Client(auth="wrong", base_url=url).users.me(), 401, "unauthorized", "API token is invalid.")


def refused(request, status, code, words):
    try:
        request()
    except APIResponseError as error:
        assert (error.status, error.code.value) == (status, code), (error.status, error.code)
        assert str(error).startswith(words), str(error)
    else:
        raise AssertionError(f"not refused: {words}")
