"""What a topology file may hold in both formats, what is read from it, the line that each mistake gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from cyclesim.errors import BadInput
from cyclesim.readers.topology import format_topology, read_topology
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
)
CONV1 = ConvShape(224, 224, 11, 11, 3, 96, 4, 4, ceil_output=True)
FIRST = "Conv1, 224, 224, 11, 11, 3, 96, 4,\n"


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the relative path of a file to write to, so that errors start ``net.csv:``."""
    monkeypatch.chdir(tmp_path)
    return Path("net.csv")


def read(csv: Path, text: str, kind: Literal["conv", "gemm"] | None = None) -> tuple[Layer, ...]:
    csv.write_bytes(text.encode())
    network, warnings = read_topology(csv, kind)
    assert warnings == []
    assert network.name == "net"
    assert [layer.index for layer in network.layers] == list(range(len(network.layers)))
    return network.layers


def shapes(csv: Path, text: str, kind: Literal["conv", "gemm"] | None = None) -> list[ConvShape | GemmShape]:
    return [layer.shape for layer in read(csv, text, kind)]


def warned(csv: Path, text: str, kind: Literal["conv", "gemm"] | None = None) -> tuple[Network, list[str]]:
    csv.write_bytes(text.encode())
    network, warnings = read_topology(csv, kind)
    assert all(each.isprintable() for each in warnings), "a warning must be one printable line"
    return network, warnings


def error(csv: Path, text: str, kind: Literal["conv", "gemm"] | None = None) -> str:
    csv.write_bytes(text.encode())
    with pytest.raises(BadInput) as caught:
        read_topology(csv, kind)
    message = str(caught.value)
    assert message.isprintable(), "an error must be one printable line"
    return message


class TestPositionalConvolutions:
    def test_sizes_are_taken_by_position_and_round_up(self, csv: Path) -> None:
        layers = read(csv, HEADER + "Conv1, 224, 223, 11, 10, 3, 96, 4,\nConv2,27,27,5,5,96,256,1\n")
        assert layers[0] == Layer(
            "Conv1", 0, "conv", ConvShape(224, 223, 11, 10, 3, 96, 4, 4, ceil_output=True)
        )
        assert (layers[0].shape.ofmap_h, layers[0].shape.ofmap_w) == (55, 55)  # type: ignore[union-attr]
        assert layers[1].name == "Conv2"

    def test_a_first_line_that_holds_a_layer_is_no_header(self, csv: Path) -> None:
        assert shapes(csv, FIRST) == [CONV1]
        assert shapes(csv, HEADER + FIRST) == [CONV1]
        assert error(csv, FIRST.replace("224,", "x,")).startswith("net.csv:1: ifmap height must be a whole")

    @pytest.mark.parametrize(
        "text",
        [
            FIRST.rstrip(",\n"),
            FIRST.rstrip(",\n") + ",,,\r\n",
            "\ufeff" + HEADER + FIRST,
            HEADER.replace(", ", ",\u00a0") + FIRST.replace(", ", ",\u00a0"),
            HEADER.replace(",", "\t") + FIRST.replace(",", "\t"),
            HEADER + "\n,,,,,,,\n" + FIRST + "  \n",
            HEADER.replace("\n", "\r\n") + "\tConv1 ,224,224,11,11,3, 96,4, \r\n",
            HEADER + "\nAlexnet,\n" + FIRST,
            HEADER + "AlexNet (2012)\n" + FIRST,
            "AlexNet,,,\n2012,\n" + HEADER + FIRST,
            "# from the paper, table 1\n" + HEADER + FIRST,
            HEADER + '"Conv1", "224", 224, 11, 11, 3, 96, 4,\n',
        ],
        ids=[
            "bare",
            "commas",
            "bom",
            "nbsp",
            "tabs",
            "empty rows",
            "mixed",
            "heading",
            "title",
            "title before the header",
            "#",
            "quotes",
        ],
    )
    def test_the_ways_in_which_such_files_are_written_are_fine(self, csv: Path, text: str) -> None:
        assert read(csv, text) == (Layer("Conv1", 0, "conv", CONV1),)

    def test_further_fields_are_ignored_with_one_warning(self, csv: Path) -> None:
        text = HEADER + FIRST + "Conv2,27,27,5,5,96,256,1,#dw\n" + "Conv3,13,13,3,3,256,384,1,,,110,110\n"
        network, warnings = warned(csv, text)
        assert [layer.name for layer in network.layers] == ["Conv1", "Conv2", "Conv3"]
        assert warnings == ["net.csv:3: further fields are ignored (2 lines, the first: 'Conv2')"]

    def test_a_ninth_number_is_a_second_stride_only_if_the_header_says_so(self, csv: Path) -> None:
        two = HEADER.replace("Strides,", "Stride height, Stride width,") + "Conv1,224,224,11,11,3,96,4,2,\n"
        (shape,) = shapes(csv, two)
        assert isinstance(shape, ConvShape)
        assert (shape.stride_h, shape.stride_w) == (4, 2)
        network, warnings = warned(csv, HEADER + "Conv1,224,224,11,11,3,96,4,2,\n")
        assert network.layers[0].shape == CONV1
        assert warnings == ["net.csv:2: further fields are ignored (1 line: 'Conv1')"]

    def test_a_sparsity_ratio_is_ignored_with_a_warning(self, csv: Path) -> None:
        network, warnings = warned(csv, HEADER.strip() + " Sparsity,\n" + FIRST.strip() + " 1:4,")
        assert network.layers[0].shape == CONV1
        assert warnings == ["net.csv:2: sparsity ratios are ignored: layers are dense (1 line: 'Conv1')"]

    def test_a_name_with_dp_is_a_depthwise_layer(self, csv: Path) -> None:
        network, warnings = warned(csv, HEADER + "DP1,14,14,3,3,32,2,1,\nxDPx,14,14,3,3,4,1,1,\n")
        shape = ConvShape(14, 14, 3, 3, 32, 64, groups=32, ceil_output=True)
        assert network.layers[0] == Layer("DP1", 0, "dw", shape)
        assert warnings == [
            "net.csv:2: names with DP are depthwise: Groups = Channels, Filters = Channels x Filters "
            "(2 lines, the first: 'DP1')"
        ]

    def test_a_slipped_comma_is_put_right_with_a_warning(self, csv: Path) -> None:
        network, warnings = warned(csv, HEADER + "FC, 1, 1, 1, ,1 2, 2, 1,\n")
        assert network.layers[0].shape == ConvShape(1, 1, 1, 1, 2, 2, ceil_output=True)
        assert warnings == [
            "net.csv:2: a misplaced comma is read as one between the two numbers beside it (1 line: 'FC')"
        ]

    @pytest.mark.parametrize("row", ["FC,1,1,1,,1,2,2 1,", "FC,1,1,1,1,1 2,2,1,", "FC,1,1,1,,1,2,1,"])
    def test_other_gaps_are_errors(self, csv: Path, row: str) -> None:
        assert error(csv, HEADER + row).startswith("net.csv:2: ")

    def test_a_layer_that_is_commented_out_is_left_out_with_a_warning(self, csv: Path) -> None:
        network, warnings = warned(csv, HEADER + FIRST + "# Conv2,27,27,5,5,96,256,1,\n")
        assert len(network.layers) == 1
        assert warnings == [
            "net.csv:3: lines that start with # are comments, though some hold numbers (1 line: '# Conv2')"
        ]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("C, 1, B, 1, 1, 8, 8, 1,", "ifmap width must be a whole number from 1 to 2147483647 (got 'B')"),
            ("C, 9, 9, 3, 3, 8, 0, 1,", "filters must be a whole number from 1 to 2147483647 (got '0')"),
            ("C, 9, 9, 3, 3, 8, 8, -1,", "stride must be a whole number from 1 to 2147483647 (got '-1')"),
            ("C, 9, 9, 3, 3, 8, 8.0, 1,", "filters must be a whole number from 1 to 2147483647 (got '8.0')"),
            ("C, 9, 9, 3, 3, 1_0, 8, 1,", "channels must be a whole number from 1 to 2147483647 (got '1_0')"),
            (
                "C, 9, 9, 3, 3, 8, 8,",
                "a layer must have 7 numbers after its name: ifmap height, ifmap width, filter height, "
                "filter width, channels, filters, stride (got 6 fields)",
            ),
            (
                "C, 5, 9, 7, 3, 8, 8, 1,",
                "the filter must not be larger than the ifmap (got filter height 7 and ifmap height 5)",
            ),
            (", 9, 9, 3, 3, 8, 8, 1,", "a layer must have a name (got an empty field)"),
            (
                "a\x1bb, 9, 9, 3, 3, 8, 8, 1,",
                "a layer's name must not hold control characters (got 'a\\x1bb')",
            ),
            ('"C, 9, 9, 3, 3, 8, 8, 1,', "a double quote must be closed in the same line (got '\"C, 9, 9"),
            ('"C"D, 9, 9, 3, 3, 8, 8, 1,', "a field in double quotes must end at its closing quote (got"),
            ("C 9 9 3 3 8 8 1", "fields must be separated by commas or tabs (got 'C 9 9 3 3 8 8 1')"),
            ("C;9;9;3;3;8;8;1;", "fields must be separated by commas or tabs (got 'C;9;9;3;3;8;8;1;')"),
            (
                "C, 2147483647, 2147483647, 1, 1, 2147483647, 1, 1,",
                "a layer must have at most 2**62 ifmap words (got 9903520300447984150353281023)",
            ),
        ],
    )
    def test_a_row_that_is_no_layer_is_an_error_at_its_line(self, csv: Path, row: str, message: str) -> None:
        assert error(csv, HEADER + FIRST + row).startswith(f"net.csv:3: {message}")

    @pytest.mark.parametrize(
        ("text", "line"), [("", 1), ("\n\n", 2), (HEADER, 1), (HEADER + "Alexnet,\n", 2)]
    )
    def test_a_file_without_layers_is_an_error_at_its_last_line(
        self, csv: Path, text: str, line: int
    ) -> None:
        assert error(csv, text) == f"net.csv:{line}: a topology must hold at least one layer (got none)"


class TestPositionalGemms:
    EXPECTED = GemmShape(m=3, n=5, k=16)

    @pytest.mark.parametrize(
        "text",
        [
            "Layer,M,N,K,\nG,3,5,16,\n",
            "L, m, n, k\r\nG, 3, 5, 16\r\n",
            "Layer\tM\tN\tK\t\nG\t3\t5\t16\t\n",
            "G,3,5,16,\n",
            "G,3,5,16\n",
            "name, rows, columns, inner,\nG,3,5,16,\n",
            "A title\nG,3,5,16,\n",
            "A title\nLayer,M,N,K\nG,3,5,16,\n",
        ],
    )
    def test_three_numbers_are_m_n_k_by_header_or_by_count(self, csv: Path, text: str) -> None:
        assert read(csv, text) == (Layer("G", 0, "gemm", self.EXPECTED),)

    @pytest.mark.parametrize("text", ["Layer Name, M, N, K, Sparsity,\nG, 3, 5, 16, 3:4,", "G,3,5,16,3:4\n"])
    def test_a_sparsity_ratio_is_ignored_with_a_warning(self, csv: Path, text: str) -> None:
        network, (warning,) = warned(csv, text)
        assert network.layers[0].shape == self.EXPECTED
        assert "sparsity ratios are ignored" in warning

    def test_the_kind_can_be_forced(self, csv: Path) -> None:
        network, (warning,) = warned(csv, HEADER + "G,3,5,16,1,1,1,1,\n", "gemm")
        assert network.layers[0].shape == self.EXPECTED
        assert "further fields are ignored" in warning
        assert error(csv, "Layer,M,N,K,\nG,3,5,16,\n", "conv").startswith("net.csv:2: a layer must have 7")
        assert shapes(csv, "a,b,c,d\n" + FIRST, "conv") == [CONV1]

    def test_a_kind_that_does_not_exist_is_an_error_of_the_caller(self, csv: Path) -> None:
        wrong: Any = "gem"
        assert error(csv, FIRST, wrong) == (
            "cyclesim: kind must be one of conv, gemm (got 'gem'; did you mean 'gemm'?)"
        )

    def test_names_with_dp_mean_nothing(self, csv: Path) -> None:
        assert shapes(csv, "DP1,3,5,16\n") == [self.EXPECTED]

    @pytest.mark.parametrize("header", ["Layer,M,K,N", "M,N,K,Layer", "Layer,Batch,M,N,K"])
    def test_another_order_of_columns_is_an_error(self, csv: Path, header: str) -> None:
        for kind in (None, "gemm"):
            assert error(csv, header + "\nG,3,5,16,2\n", kind).startswith(
                "net.csv:1: the columns of a GEMM file must be"
            )

    def test_a_row_of_convolution_sizes_is_an_error_unless_the_header_says_gemm(self, csv: Path) -> None:
        assert error(csv, "G,3,5,16\n" + FIRST).startswith("net.csv:2: a row must be name, M, N, K as in the")
        assert error(csv, "G,3,5\n").startswith("net.csv:1: a layer must have 7 numbers")
        assert error(csv, HEADER + "G,3,5,16\n").startswith("net.csv:2: a layer must have 7 numbers")
        assert error(csv, "L,M,N,K\nG,3,5\n") == (
            "net.csv:2: a layer must have 3 numbers after its name: M, N, K (got 2 fields)"
        )


NAMED = (
    "Layer,Type,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH,StrideW,PadH,PadW,DilationH,DilationW,"
)
NAMED += "Groups,Batch,M,N,K\n"


class TestNamedColumns:
    def test_every_column_arrives(self, csv: Path) -> None:
        (layer,) = read(csv, NAMED + "a,conv,20,21,3,4,8,6,2,3,1,2,4,5,2,7,,,\n")
        assert layer == Layer("a", 0, "conv", ConvShape(20, 21, 3, 4, 8, 6, 2, 3, 1, 2, 4, 5, 2), 7)

    def test_columns_come_in_any_order_and_case_and_have_defaults(self, csv: Path) -> None:
        text = "filters, CHANNELS, ifmaph, IfmapW, FilterW, FilterH, layer,\n6,8,20,21,4,3,a,\n"
        assert read(csv, text) == (Layer("a", 0, "conv", ConvShape(20, 21, 3, 4, 8, 6)),)
        assert read(csv, text.replace(",", "\t")) == read(csv, text)

    def test_output_sizes_round_down(self, csv: Path) -> None:
        (shape,) = shapes(
            csv, "Layer,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH\na,8,8,3,3,1,1,2\n"
        )
        assert isinstance(shape, ConvShape)
        assert (shape.ofmap_h, shape.ofmap_w) == (3, 6)

    def test_depthwise_groups_are_its_channels(self, csv: Path) -> None:
        expected = ConvShape(9, 9, 3, 3, 8, 16, groups=8)
        assert shapes(csv, NAMED + "a,DW,9,9,3,3,8,16\n") == [expected]
        assert shapes(csv, NAMED + "a,dw,9,9,3,3,8,16,,,,,,,8\n") == [expected]

    def test_fully_connected_layers_need_no_ifmap(self, csv: Path) -> None:
        expected = [ConvShape(1, 1, 1, 1, 512, 10)]
        assert shapes(csv, "Layer,Type,Channels,Filters\na,fc,512,10\n") == expected
        assert shapes(csv, NAMED + "a,fc,1,1,1,1,512,10\n") == expected

    def test_matrix_products_have_groups_and_batch(self, csv: Path) -> None:
        text = "Layer,Type,M,N,K,Groups,Batch,PadH\na,gemm,3,5,16\nb,matmul,3,5,16,12,4,0\n"
        assert read(csv, text) == (
            Layer("a", 0, "gemm", GemmShape(m=3, n=5, k=16)),
            Layer("b", 1, "matmul", GemmShape(m=3, n=5, k=16, groups=12), 4),
        )

    def test_headings_empty_rows_and_comments_are_skipped(self, csv: Path) -> None:
        text = "# ours\n\nBERT,,\nLayer,Type,M,N,K\nencoder,,,\n,,,,\n  # x, gemm, 1, 1, 1\na,gemm,3,5,16\n"
        assert shapes(csv, text) == [GemmShape(m=3, n=5, k=16)]

    def test_names_with_commas_and_quotes_stand_in_double_quotes(self, csv: Path) -> None:
        text = 'Layer,Type,M,N,K\n"a, ""b"" ",gemm,3,5,16\n5" disc,gemm,1,1,1\n'
        assert [layer.name for layer in read(csv, text)] == ['a, "b" ', '5" disc']

    def test_the_type_column_wins_over_a_forced_kind_with_a_warning(self, csv: Path) -> None:
        network, warnings = warned(csv, "Layer,Type,M,N,K\na,gemm,3,5,16\n", "conv")
        assert network.layers[0].type == "gemm"
        assert warnings == ["net.csv:1: named columns say what a layer is: conv is not forced"]
        assert warned(csv, "Layer,Type,M,N,K\na,gemm,3,5,16\n", "gemm")[1] == []

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("Layer,IfmapH,IfmapH", "a column must not be repeated (got 'IfmapH')"),
            ("Layer,Type,PatH", "(got 'PatH'; did you mean 'PadH'?)"),
            ("Type,M,N,K", "a header of named columns must have Layer (got 'Type, M, N, K')"),
            ("Layer,IfmpH,IfmapW", "must have IfmapH or Type (got 'IfmpH'; did you mean 'IfmapH'?)"),
            ("Layer,PadH,PadW", "must have IfmapH or Type (got 'Layer, PadH, PadW')"),
        ],
    )
    def test_a_wrong_header_is_an_error_at_its_line(self, csv: Path, header: str, message: str) -> None:
        told = error(csv, "\n" + header + "\na,1,1\n")
        assert told.startswith("net.csv:2: ")
        assert message in told

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (
                "a,convd,9,9,3,3,8,8",
                "Type must be one of conv, dw, fc, gemm, matmul (got 'convd'; did you mean",
            ),
            ("a,conv,9,9,3,,8,8", "FilterW must be given for a layer of type conv"),
            ("a,,9,9,3,3,8", "Filters must be given for a layer of type conv"),
            ("a,conv,9,9,3,3,8,8,0", "StrideH must be a whole number from 1 to 2147483647 (got '0')"),
            ("a,conv,9,9,3,3,8,8,1,1,-1", "PadH must be a whole number from 0 to 2147483647 (got '-1')"),
            ("a,conv,9,9,3,3,8,8,1,1,0,0,0", "DilationH must be a whole number from 1"),
            ("a,conv,9,9,3,3,8,8,1,1,0,0,1,1,1,x", "Batch must be a whole number from 1"),
            ("a,conv,9,9,3,3,8,8,1,1,0,0,1,1,3", "Groups must divide Channels (got 3 groups of 8)"),
            ("a,conv,9,9,3,3,8,6,1,1,0,0,1,1,4", "Groups must divide Filters (got 4 groups of 6)"),
            ("a,dw,9,9,3,3,8,12", "Groups must divide Filters (got 8 groups of 12)"),
            ("a,dw,9,9,3,3,8,8,1,1,0,0,1,1,2", "Groups must be 8 (Channels) or empty for a layer of type dw"),
            ("a,fc,7,7,1,1,8,8", "IfmapH must be 1 or empty for a layer of type fc (got '7')"),
            ("a,fc,1,1,1,1,8,8,1,1,1", "PadH must be 0 or empty for a layer of type fc (got '1')"),
            (
                "a,conv,9,9,3,11,8,8,1,1,0,0",
                "the filter must not be larger than the ifmap (got filter width 11 and ifmap width 9)",
            ),
            (
                "a,conv,9,9,3,3,8,8,1,1,0,1,1,6",
                "the filter must not be larger than the ifmap (got filter width 3 (dilated 13) and ifmap "
                "width 9 (padded 11))",
            ),
            ("a,conv,9,9,3,3,8,8,1,1,0,0,1,1,1,1,5", "M must be empty for a layer of type conv (got '5')"),
            ("a,gemm,9,,,,,,,,,,,,,,3,5,16", "IfmapH must be empty for a layer of type gemm (got '9')"),
            ("a,gemm,,,,,,,2,,,,,,,,3,5,16", "StrideH must be 1 or empty for a layer of type gemm (got '2')"),
            ("a,matmul,,,,,,,,,,,,,,,3,,16", "N must be given for a layer of type matmul"),
            ("a,gemm" + "," * 15 + "3,5,16,17", "a row must have a named column for each field, of which"),
            (",conv,9,9,3,3,8,8", "a layer must have a name"),
            (
                "a,matmul" + "," * 15 + "2147483647,2147483647,2147483647",
                "a layer must have at most 2**62 MACs (got 9903520300447984150353281023)",
            ),
        ],
    )
    def test_a_row_that_is_no_layer_is_an_error_at_its_line(self, csv: Path, row: str, message: str) -> None:
        assert error(csv, NAMED + row + "\n").startswith(f"net.csv:2: {message}")


class TestWriting:
    def net(self, *layers: Layer) -> Network:
        return Network("net", layers)

    def test_networks_of_scale_sims_rounding_are_written_as_its_files(self) -> None:
        assert format_topology(self.net(Layer("Conv1", 0, "conv", CONV1))) == HEADER + FIRST

    def test_other_networks_are_written_as_named_columns_without_defaults(self) -> None:
        text = format_topology(
            self.net(
                Layer("a", 0, "conv", ConvShape(9, 9, 3, 3, 8, 8, pad_h=1)),
                Layer("b, c", 1, "dw", ConvShape(9, 9, 3, 3, 8, 8, groups=8)),
                Layer("d", 2, "fc", ConvShape(1, 1, 1, 1, 8, 8)),
            )
        )
        assert text.splitlines() == [
            "Layer,Type,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,PadH",
            "a,conv,9,9,3,3,8,8,1",
            '"b, c",dw,9,9,3,3,8,8,',
            "d,fc,1,1,1,1,8,8,",
        ]

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            ((), "must hold at least one layer"),
            ((Layer("a", 1, "conv", CONV1),), "would read back as"),
            ((Layer("DP", 0, "conv", CONV1),), "would read back as"),
            ((Layer("a", 0, "dw", CONV1),), "would read back as"),
            ((Layer("a", 0, "conv", CONV1, 2),), "would read back as"),
            ((Layer("a", 0, "conv", CONV1), Layer("b", 1, "gemm", GemmShape(1, 1, 1))), "holds both layers"),
            ((Layer("a\nb", 0, "gemm", GemmShape(1, 1, 1)),), "would read back as"),
            ((Layer("a\tb", 0, "gemm", GemmShape(1, 1, 1)),), "control characters"),
            ((Layer("", 0, "gemm", GemmShape(1, 1, 1)),), "must have a name"),
            ((Layer("a", 0, "conv", GemmShape(1, 1, 1)),), "M must be empty"),
            ((Layer("a", 0, "gemm", GemmShape(0, 1, 1)),), "M must be a whole number"),
        ],
    )
    def test_what_no_file_can_hold_is_refused(self, layers: tuple[Layer, ...], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            format_topology(self.net(*layers))
