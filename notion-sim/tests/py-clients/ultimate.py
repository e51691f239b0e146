"""`ultimate-notion`, which builds schemas, rows, queries and blocks as objects on top of the Python SDK."""

import datetime as dt
import io
import os
import tempfile


def live(url, token):
    os.environ["NOTION_TOKEN"] = token
    os.environ["ULTIMATE_NOTION_CONFIG"] = os.path.join(tempfile.mkdtemp(), "config.toml")
    import ultimate_notion as uno
    from ultimate_notion import PropType, prop

    class People(uno.Schema, db_title="People"):
        name = PropType.Title("Name")
        age = PropType.Number("Age")

    class Tasks(uno.Schema, db_title="Tasks"):
        name = PropType.Title("Name")
        text = PropType.Text("Text")
        cost = PropType.Number("Cost", format=uno.NumberFormat.DOLLAR)
        kind = PropType.Select("Kind", options=[uno.Option("A", color=uno.Color.RED), uno.Option("B")])
        tags = PropType.MultiSelect("Tags", options=[uno.Option("A"), uno.Option("B")])
        due = PropType.Date("Due")
        done = PropType.Checkbox("Done")
        url = PropType.URL("Url")
        mail = PropType.Email("Mail")
        phone = PropType.Phone("Phone")
        who = PropType.Person("Who")
        files = PropType.Files("Files")
        made = PropType.CreatedTime("Made")
        maker = PropType.CreatedBy("Maker")
        number = PropType.ID("Number", prefix="T")
        twice = PropType.Formula("Twice", formula='prop("Cost") * 2')
        crew = PropType.Relation("Crew", schema=People)
        ages = PropType.Rollup("Ages", relation=crew, rollup=People.age, calculate=uno.AggFunc.SUM)

    with uno.Session(base_url=url) as notion:
        top = notion.client.pages.create(
            parent={"type": "workspace", "workspace": True}, properties={"title": {"title": [{"text": {"content": "Tests"}}]}}
        )
        top = notion.get_page(top["id"])
        people, tasks = notion.create_ds(parent=top, schema=People), notion.create_ds(parent=top, schema=Tasks)
        joe = people.create_page(name="Joe", age=3)
        row = tasks.create_page(
            name="First", text="text", cost=4, kind="A", tags=["A", "B"], due=dt.date(2026, 11, 5), done=True,
            url="https://example.com", mail="a@example.com", phone="123", crew=[joe],
        )
        row.reload()
        props = row.props
        assert (props.cost, props.twice, props.ages, str(props.number)) == (4, 8, 3, "T-1")
        assert [option.name for option in props.tags] == ["A", "B"] and props.crew == [joe]
        tasks.create_page(name="Second", cost=9)

        P = prop
        found = {
            "First": [
                P("Name").contains("First"), P("Text").is_not_empty(), P("Kind") == "A", P("Tags").contains("A"),
                P("Due").this_week(), P("Due") < dt.datetime(2027, 1, 1), P("Crew").is_not_empty(), P("Twice") == 8,
                P("Ages") == 3, P("Url").is_not_empty(), P("Phone").starts_with("1"), P("Number") < 2,
                (P("Cost") < 1) | (P("Done") == True),  # noqa: E712
            ],
            "First Second": [P("Made").this_week(), P("Who").is_empty(), P("Files").is_empty(), (P("Cost") > 3) & (P("Cost") < 10)],
        }
        for names, conditions in found.items():
            for condition in conditions:
                rows = tasks.query.filter(condition).sort(P("Name").asc()).execute().to_pages()
                assert " ".join(str(page.title) for page in rows) == names, (str(condition), rows)

        page = notion.create_page(parent=top, title="Body")
        blocks = [
            uno.Heading1("h"), uno.Paragraph("p"), uno.BulletedItem("b"), uno.NumberedItem("n"), uno.ToDoItem("t", checked=True),
            uno.ToggleItem("t"), uno.Quote("q"), uno.Callout("c"), uno.Code("x"), uno.Equation("a+b"), uno.Divider(),
            uno.TableOfContents(), uno.Breadcrumb(), uno.Bookmark("https://example.com"), uno.Embed("https://example.com"),
        ]
        for block in blocks:
            page.append(block)
        columns, table = uno.Columns(2), uno.Table(2, 2, header_row=True)
        page.append(columns)
        columns[0].append(uno.Paragraph("left"))
        page.append(table)
        table[0, 0] = "x"
        page.append(uno.File(notion.upload(io.BytesIO(b"hello"), file_name="a.txt", mime_type="text/plain")))
        page.reload()
        kinds = [type(block) for block in [*blocks, columns, table]] + [uno.File]
        assert [type(block) for block in page.blocks] == kinds, page.blocks
        assert "- [x] t" in page.to_markdown() and "<h2" in page.to_html()

        page.icon, page.is_locked = "🙂", True
        assert str(page.reload().icon) == "🙂" and page.is_locked
        page.is_locked = False
        page.comments.append("hello")
        assert notion.search_ds("Tasks").item() == tasks and notion.search_page("Body").item() == page
        assert page.delete().is_deleted and not page.restore().is_deleted
        assert page.ancestors == (top,)
